"""What an interaction looks like, and the topic it goes to."""

from __future__ import annotations

from streaming_assets import EventSchema, Field, Rule, ScalarType, Topic

TOPIC = Topic(name="user_interactions", key="user_id")
"""Keyed by user, so that one viewer's events keep their order."""

VIEWERS_COUNT = "viewers_count"
"""The one kind of event that describes a video instead of a viewer."""

# An unknown kind of event is data, not an error: nothing is demanded of the text in `event`.
SCHEMA = EventSchema(
    fields=(
        Field(
            name="id",
            type=ScalarType.STRING,
            required=False,
            description="Identifies the event, for clients that may deliver it twice.",
        ),
        Field(name="timestamp", type=ScalarType.TIMESTAMP, description="When it happened."),
        Field(
            name="event",
            type=ScalarType.STRING,
            description="Kind: `join`, `leave`, `message`, `like`, `share`, `viewers_count`, or a new one.",
        ),
        Field(
            name="user_id",
            type=ScalarType.STRING,
            required=False,
            description="Who did it; only `viewers_count` does without.",
        ),
        Field(name="video_id", type=ScalarType.STRING, description="In which video."),
        Field(
            name="payload",
            type=ScalarType.TEXT,
            required=False,
            description="Text of a message and the like; for `viewers_count` the number of viewers.",
        ),
    ),
    event_id="id",
    event_time="timestamp",
    rules=(
        Rule(field="user_id", unless=("event", (VIEWERS_COUNT,)), required=True),
        # 18 digits always fit a 64-bit integer.
        Rule(field="payload", when=("event", (VIEWERS_COUNT,)), required=True, pattern="[0-9]{1,18}"),
    ),
    subject="user_id",
    pseudonymous=("user_id",),
)
