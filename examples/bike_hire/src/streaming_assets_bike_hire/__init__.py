"""The bikes of a town's hire scheme, as an event source; read from the scheme's log, or made up."""

from __future__ import annotations

from streaming_assets import EventSource, hookimpl
from streaming_assets_bike_hire.gold import GOLD
from streaming_assets_bike_hire.producer import create_producer
from streaming_assets_bike_hire.schema import SCHEMA, TOPIC
from streaming_assets_bike_hire.silver import SILVER

__all__ = ["register_event_source"]


@hookimpl
def register_event_source() -> EventSource:
    """Return the definition of the source `bike_hire`."""
    return EventSource(
        name="bike_hire",
        title="Bike hire",
        description=(
            "Bikes that are hired at one station of a town and returned at another. "
            "Read from the log of the hire scheme, or of a made-up town where none is named."
        ),
        topic=TOPIC,
        schema=SCHEMA,
        producer=create_producer,
        silver=SILVER,
        gold=GOLD,
        owners=("team:bikes",),
    )
