"""What an event of the hire scheme looks like, and the topic it goes to."""

from __future__ import annotations

from streaming_assets import EventSchema, Field, Rule, ScalarType, Struct, Topic
from streaming_assets_bike_hire.paths import POLYLINE

TOPIC = Topic(name="bike_hire", key="bike.id")
"""Keyed by bike, so that its hires and returns keep their order."""

SCHEMA = EventSchema(
    fields=(
        Field(name="id", type=ScalarType.STRING, description="Identifies the event."),
        Field(name="at", type=ScalarType.EPOCH_MILLIS, description="When it happened."),
        Field(name="kind", type=ScalarType.STRING, description="`hire`, `return` or `service`."),
        Field(name="rider", type=ScalarType.STRING, required=False, description="Who; a service has none."),
        Field(
            name="bike",
            type=Struct(
                fields=(
                    Field(name="id", type=ScalarType.STRING),
                    Field(name="battery", type=ScalarType.LONG, description="Charge in percent."),
                )
            ),
            description="Which bike.",
        ),
        Field(
            name="station",
            type=Struct(fields=(Field(name="name", type=ScalarType.STRING),)),
            description="Where it was taken from or put.",
        ),
        Field(
            name="path",
            type=ScalarType.STRING,
            required=False,
            description="The way that was ridden, as an encoded polyline (see `paths.py`).",
        ),
    ),
    event_id="id",
    event_time="at",
    rules=(
        Rule(field="kind", pattern="hire|return|service"),
        Rule(field="rider", unless=("kind", ("service",)), required=True),
        Rule(field="path", when=("kind", ("return",)), required=True),
        Rule(field="path", pattern=POLYLINE),
    ),
    subject="rider",
    pseudonymous=("rider",),
)
