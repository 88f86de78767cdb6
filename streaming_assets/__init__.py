"""streaming_assets: event sources as plugins; Kafka to Delta tables, exactly once, as Dagster assets.

This module is what a plugin author imports. A plugin package names a module in the entry-point group
`streaming_assets`; in it stands

    from streaming_assets import EventSource, hookimpl

    @hookimpl
    def register_event_source() -> EventSource:
        return EventSource(...)
"""

from streaming_assets.contract import (
    Aggregate,
    Array,
    ArrowFunction,
    Batch,
    Chart,
    ChartKind,
    Event,
    EventSchema,
    EventSource,
    Field,
    FieldType,
    GoldTable,
    Producer,
    ProducerFactory,
    Rule,
    ScalarType,
    SilverTable,
    Struct,
    Topic,
)
from streaming_assets.hookspecs import hookimpl

__all__ = [
    "Aggregate",
    "Array",
    "ArrowFunction",
    "Batch",
    "Chart",
    "ChartKind",
    "Event",
    "EventSchema",
    "EventSource",
    "Field",
    "FieldType",
    "GoldTable",
    "Producer",
    "ProducerFactory",
    "Rule",
    "ScalarType",
    "SilverTable",
    "Struct",
    "Topic",
    "hookimpl",
]
