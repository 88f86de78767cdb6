"""What an author may write: strict types have nothing to say about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import assert_type

import pyarrow as pa  # type: ignore[import-untyped]

from streaming_assets import (
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
    hookimpl,
)
from streaming_assets.testing import Conformance, conformance


class Counting:
    """A producer by its methods alone: it names no base class."""

    def __init__(self, last: int) -> None:
        self._numbers: Iterator[int] = iter(range(last))

    def next_batch(self) -> Batch:
        """Return an event."""
        event = Event(value=b"{}", key=b"k", timestamp=datetime(2026, 3, 1, tzinfo=UTC), headers=(("from", b"test"),))
        return Batch(events=[event for _ in self._numbers], poll_after=None, note="the end")

    def close(self) -> None:
        """Do nothing."""


class Named(Producer):
    """A producer that names the protocol."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = options

    def next_batch(self) -> Batch:
        """Return nothing yet."""
        return Batch(events=(), poll_after=1.5)

    def close(self) -> None:
        """Do nothing."""


def create_producer(options: Mapping[str, str]) -> Producer:
    """Make a producer, as a function."""
    return Counting(int(options.get("last", "1")))


FACTORIES: tuple[ProducerFactory, ...] = (create_producer, Named, lambda _options: Counting(1))


def upper(events: pa.Table) -> pa.Table:
    """Return a table from a table."""
    return events


FUNCTION: ArrowFunction = upper
TYPES: tuple[FieldType, ...] = (ScalarType.LONG, Array(items=ScalarType.STRING), Struct(fields=()))
KIND: ChartKind = "bar"
AGGREGATE: Aggregate = "sum"

NAME = Field(name="name", type=ScalarType.STRING, description="A name.")
SCHEMA = EventSchema(
    fields=(
        Field(name="id", type=ScalarType.STRING),
        Field(name="at", type=ScalarType.TIMESTAMP),
        NAME,
        Field(name="tags", type=Array(items=ScalarType.STRING), required=False),
        Field(name="place", type=Struct(fields=(Field(name="city", type=ScalarType.STRING, required=False),))),
    ),
    event_id="id",
    event_time="at",
    rules=(Rule(field="place.city", when=("name", ("x", "y")), required=True, pattern="[a-z]+"),),
    subject="name",
    pseudonymous=("name",),
)
PLACES = GoldTable(
    name="names",
    description="How often each name came.",
    sql="SELECT name, count(*) AS events FROM silver GROUP BY name",
    columns=(NAME, Field(name="events", type=ScalarType.LONG)),
    keys=("name",),
    per="name",
    charts=(Chart(kind=KIND, title="Names", x="name", y="events", aggregate=AGGREGATE, limit=10),),
)


@hookimpl
def register_event_source() -> EventSource:
    """Return the definition."""
    return EventSource(
        name="names",
        title="Names",
        description="Made up.",
        topic=Topic(name="names", partitions=2, key="name", retention=timedelta(days=3), config={"a": "b"}),
        schema=SCHEMA,
        producer=create_producer,
        silver=SilverTable(function=FUNCTION, columns=(NAME,)),
        gold=(PLACES,),
        owners=("team:names",),
    )


@hookimpl(specname="register_event_source")
def another_name() -> EventSource:
    """Return the same definition, by a mark with an argument."""
    return register_event_source()


# The mark leaves a function what it is, and attributes have the types that they were declared with.
assert_type(register_event_source, Callable[[], EventSource])
assert_type(another_name(), EventSource)
assert_type(register_event_source().gold, tuple[GoldTable, ...])
assert_type(register_event_source().topic.retention, timedelta | None)
assert_type(register_event_source().producer({}).next_batch(), Batch)
assert_type(NAME.required, bool)
assert_type(NAME.type, ScalarType | Struct | Array)
assert_type(SCHEMA.rules[0].when, tuple[str, tuple[str, ...]] | None)
assert_type(ScalarType("long"), ScalarType)
assert_type(conformance("names"), type[Conformance])
