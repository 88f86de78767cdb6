"""GitHub's public events as an event source: who did what in which public repository."""

from __future__ import annotations

from streaming_assets import EventSource, hookimpl
from streaming_assets_github_events.gold import GOLD
from streaming_assets_github_events.producer import create_producer
from streaming_assets_github_events.schema import SCHEMA, TOPIC
from streaming_assets_github_events.silver import SILVER

__all__ = ["register_event_source"]


@hookimpl
def register_event_source() -> EventSource:
    """Return the definition of the source `github_events`."""
    return EventSource(
        name="github_events",
        title="GitHub events",
        description=(
            "Public activity on GitHub: pushes, issues, stars, forks and the like, polled from the REST API "
            "(`GET /events`). GitHub shows an event from 30 seconds to 6 hours after it happened."
        ),
        topic=TOPIC,
        schema=SCHEMA,
        producer=create_producer,
        silver=SILVER,
        gold=GOLD,
    )
