"""What a GitHub event looks like, and the topic it goes to.

The envelope is the one of the REST API (https://docs.github.com/en/rest/activity/events) and has been
the same since 2015. Of the payload, which differs by event type and has lost fields over the years,
only `action` is used.
"""

from __future__ import annotations

from streaming_assets import EventSchema, Field, ScalarType, Struct, Topic

TOPIC = Topic(name="logs_raw", key="actor.login")
"""Keyed by login, so that one actor's events keep their order."""

ACTOR = Struct(
    fields=(
        Field(name="id", type=ScalarType.LONG, description="Number of the account; it survives a rename."),
        Field(name="login", type=ScalarType.STRING, description="Name of the account at that moment."),
    )
)

REPO = Struct(
    fields=(
        Field(name="id", type=ScalarType.LONG, description="Number of the repository; it survives a rename."),
        Field(name="name", type=ScalarType.STRING, description="`<owner>/<repository>` at that moment."),
    )
)

PAYLOAD = Struct(
    fields=(
        Field(
            name="action",
            type=ScalarType.STRING,
            required=False,
            description="What was done, for event types that say so: `opened`, `started`, `created`, …",
        ),
    )
)

SCHEMA = EventSchema(
    fields=(
        Field(
            name="id", type=ScalarType.STRING, description="Identifies the event. It is no clock: ids restarted once."
        ),
        Field(name="type", type=ScalarType.STRING, description="`PushEvent`, `WatchEvent`, …; new types appear."),
        Field(name="actor", type=ACTOR, description="The account that acted."),
        Field(name="repo", type=REPO, description="The repository it acted on."),
        Field(name="payload", type=PAYLOAD, required=False, description="Details, which differ by event type."),
        Field(name="public", type=ScalarType.BOOLEAN, description="Whether everybody may see the event."),
        Field(name="created_at", type=ScalarType.TIMESTAMP, description="When it happened."),
    ),
    event_id="id",
    event_time="created_at",
    subject="actor.login",
)
"""Logins are public names and stay readable; whose data an event is can be asked by login."""
