"""What viewers do in live streams, as an event source; its producer simulates an audience."""

from __future__ import annotations

from streaming_assets import EventSource, hookimpl
from streaming_assets_user_interactions.gold import GOLD
from streaming_assets_user_interactions.producer import create_producer
from streaming_assets_user_interactions.schema import SCHEMA, TOPIC
from streaming_assets_user_interactions.silver import SILVER

__all__ = ["register_event_source"]


@hookimpl
def register_event_source() -> EventSource:
    """Return the definition of the source `user_interactions`."""
    return EventSource(
        name="user_interactions",
        title="User interactions",
        description=(
            "What viewers do in live streams: they join, chat, like, share and leave; and how many were watching. "
            "Brought by a simulated audience, or by any client that writes such events to the topic."
        ),
        topic=TOPIC,
        schema=SCHEMA,
        producer=create_producer,
        silver=SILVER,
        gold=GOLD,
    )
