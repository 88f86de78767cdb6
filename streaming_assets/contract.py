"""What a plugin author writes: one `EventSource`, and the values it is made of.

Everything here is a plain value. Nothing connects, reads the environment or computes; whether a
definition makes sense is checked by `streaming_assets.validation`, which reports all faults at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import pyarrow as pa


class ScalarType(StrEnum):
    """The types a single value can have.

    TEXT, EPOCH_SECONDS and EPOCH_MILLIS say how a value stands in an event, and are no types of columns: in SQL, and in
    functions, they are STRING and TIMESTAMP.
    """

    STRING = "string"
    """Text. In JSON: a string."""
    TEXT = "text"
    """Text, too, but a JSON number or boolean is also taken, as its JSON text."""
    LONG = "long"
    """A 64-bit signed integer. In JSON: a number written without fraction or exponent."""
    DOUBLE = "double"
    """A finite 64-bit floating point number. In JSON: any number."""
    BOOLEAN = "boolean"
    """True or false."""
    TIMESTAMP = "timestamp"
    """A point in time, UTC, microseconds. In JSON: RFC 3339 text with any offset."""
    EPOCH_SECONDS = "epoch_seconds"
    """A point in time, too. In JSON: a number of seconds since 1970-01-01 00:00:00 UTC (POSIX time); what is finer than
    a microsecond is cut off."""
    EPOCH_MILLIS = "epoch_millis"
    """A point in time, too. In JSON: a number of milliseconds since then."""
    DATE = "date"
    """A calendar day. In JSON: `YYYY-MM-DD`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Struct:
    """A nested object."""

    fields: tuple[Field, ...]
    """Its fields; in a JSON object other names may stand beside them and are left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """A list of values of one type; in an event none of them may be null."""

    items: FieldType
    """The type of every item."""


FieldType = ScalarType | Struct | Array
"""What values a field or column can have: single ones, nested objects, lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A named, typed value: a field of an event, or a column of a table."""

    name: str
    """Name as it stands in the JSON event, or the column's name."""
    type: FieldType
    """What values it can have."""
    required: bool = True
    """False: it may be missing or null. For a column: whether it can be null. A null in a required column of Silver
    sends the record to quarantine (`silver_failed`), one in a required column of Gold stops the table. `sum`, `min`,
    `max` and `avg` over what can be null can be null too: declare that, or use `coalesce`."""
    description: str = ""
    """What it means, with its unit; shown on the asset's page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A demand on one field that holds only for some events.

    `when` and `unless` name another top-level field and the values of it for which the rule holds,
    or does not hold. At most one of the two is given; with neither, the rule always holds.
    """

    field: str
    """Path of the field the rule is about; with `required=True`, the field itself is declared optional."""
    when: tuple[str, tuple[str, ...]] | None = None
    """`("event", ("viewers_count",))`: holds for events whose `event` is `viewers_count`."""
    unless: tuple[str, tuple[str, ...]] | None = None
    """Holds for all events but these."""
    required: bool = False
    """The field must be there and not be null."""
    pattern: str | None = None
    """A regular expression (the part common to Python's `re` and RE2) that the whole text must match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSchema:
    """What an event looks like: a JSON object with at least these fields."""

    fields: tuple[Field, ...]
    """The fields that are used. What an event holds besides stays in Bronze and costs nothing."""
    event_time: str
    """Path of the TIMESTAMP, EPOCH_SECONDS or EPOCH_MILLIS field that says when the event happened; it and the objects
    around it are required."""
    event_id: str | None = None
    """Path of the STRING or LONG field that identifies the event. Where it is None, or the field is
    optional and missing, the record's `<partition>-<offset>` identifies it."""
    rules: tuple[Rule, ...] = ()
    """Demands that hold only for some events."""
    subject: str | None = None
    """Path of the field that says whose personal data the event is: a note for readers of the definition. Nothing is
    computed from it, and it hashes nothing."""
    pseudonymous: tuple[str, ...] = ()
    """Paths of STRING fields that leave Bronze only as a keyed hash (HMAC-SHA-256, 32 hex digits)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """The Kafka topic of a source; created where it does not exist."""

    name: str
    """Topic name."""
    partitions: int = 4
    """Number of partitions it is created with."""
    key: str | None = None
    """Path of the event field whose text becomes the record's key where the producer gave none."""
    retention: timedelta | None = None
    """How long Kafka keeps records (`retention.ms`); None leaves the broker's default."""
    config: Mapping[str, str] = field(default_factory=dict)
    """Further topic settings in Kafka's own names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event on its way to Kafka."""

    value: bytes
    """The bytes as they were received. They are not parsed, mended or reordered."""
    key: bytes | None = None
    """Record key; None lets the framework take it from `Topic.key`."""
    timestamp: datetime | None = None
    """The record's create time (aware, of whole milliseconds: Kafka keeps no more); None lets Kafka stamp it."""
    headers: tuple[tuple[str, bytes], ...] = ()
    """Record headers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a producer has at the moment."""

    events: Sequence[Event]
    """The events, oldest first; may be empty."""
    poll_after: float | None
    """Seconds to wait before the next call; None says that there is nothing more to come."""
    note: str | None = None
    """What a person watching should know (a rate limit, a server that does not answer)."""


class Producer(Protocol):
    """Brings events from where they happen. It never sleeps and never touches Kafka.

    The framework calls `next_batch`, delivers, waits for as long as the batch says, and calls again.
    A producer that raises ends with an error that names its source; faults that pass by themselves
    are not raised but answered with an empty batch, a `note` and a later `poll_after`.
    """

    def next_batch(self) -> Batch:
        """Return the events that are there now, without waiting for more."""
        ...

    def close(self) -> None:
        """Release connections and files. Called once, also after an error."""
        ...


ProducerFactory = Callable[[Mapping[str, str]], Producer]
"""Makes a producer from the source's options: the settings `STREAMING_ASSETS_<SOURCE>_<OPTION>`, as
`{"option": "text"}`. Called when events are wanted, never while plugins are loaded."""

ArrowFunction = Callable[["pa.Table"], "pa.Table"]
"""From the events of a batch to as many rows, in the same order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SilverTable:
    """The clean events: one row for each event that fits the schema, each event once.

    The framework adds `event_id`, `event_time`, `topic`, `partition`, `offset`, `batch` and the
    partition column `event_date`; those names are taken.
    """

    columns: tuple[Field, ...]
    """The columns that `sql` or `function` gives; values are cast to these types."""
    sql: str | None = None
    """A row-wise `SELECT … FROM events` in Spark's dialect: no WHERE, GROUP BY, JOIN or window."""
    function: ArrowFunction | None = None
    """Instead of `sql`: a Python function from Arrow to Arrow, row by row."""
    description: str = ""
    """Shown on the asset's page."""


ChartKind = Literal["bar", "line", "area", "table", "metric"]
"""The shapes that a chart can have."""

Aggregate = Literal["sum", "max", "min", "mean", "count"]
"""The ways in which several rows of a table become one point of a chart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """How the dashboard shows a Gold table."""

    kind: ChartKind
    """`table` shows rows; `metric` one number; the others draw `y` over `x`."""
    title: str
    """Heading."""
    x: str | None = None
    """Column along the axis; for a `table` or `metric` it may be None."""
    y: str | None = None
    """Column that is drawn; needed by every kind but `table`."""
    series: str | None = None
    """Column whose values become colours."""
    aggregate: Aggregate | None = None
    """How rows with the same `x` (and `series`) become one; None where the table has one row for each."""
    latest: bool = False
    """Show the newest window only: for measures that can't be added up, such as distinct counts."""
    sort: str | None = None
    """Column to sort by, largest first; None keeps the order of `x`."""
    limit: int | None = None
    """How many rows or bars are shown at first; the viewer can choose another number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldTable:
    """A table for readers, computed from Silver by SQL in Spark's dialect.

    With `window`, the rows of `silver` come with `window_start` and `window_end`, and a result row may
    depend on rows of its own window only. With `per`, it may depend on the rows of its own key only,
    and rows whose key is null take no part. With neither, the table is recomputed as a whole.
    """

    name: str
    """Table name, and the last part of the asset key."""
    description: str
    """What a row says; shown on the asset's page."""
    sql: str
    """`SELECT … FROM silver …`."""
    columns: tuple[Field, ...]
    """The result's columns; values are cast to these types."""
    keys: tuple[str, ...]
    """The columns that together identify a row."""
    window: str | None = None
    """Length of the tumbling event-time window: a whole number and seconds, minutes, hours or days, such as
    `"15 minutes"`; windows are aligned to 1970-01-01 00:00 UTC."""
    per: str | None = None
    """The Silver column by which rows belong together, such as `user_id`."""
    charts: tuple[Chart, ...] = ()
    """How the dashboard shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSource:
    """A source of events: how they are produced, what they look like, which tables they become."""

    name: str
    """Identifier: small letters, digits, `_`. It names folder, asset group and commands."""
    title: str
    """Name for people."""
    description: str
    """What the events are and where they come from."""
    topic: Topic
    """Where the events go."""
    schema: EventSchema
    """What they look like."""
    producer: ProducerFactory
    """How they are brought."""
    silver: SilverTable
    """The clean events."""
    gold: tuple[GoldTable, ...]
    """The tables for readers."""
    owners: tuple[str, ...] = ()
    """E-mail addresses, or `team:<name>`."""
