"""The definition of a new source as a value: what is written as text is made of it, and checked by it before."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from streaming_assets.contract import (
    Chart,
    EventSchema,
    EventSource,
    Field,
    GoldTable,
    Producer,
    ScalarType,
    SilverTable,
    Topic,
)
from streaming_assets.errors import InvalidDefinition
from streaming_assets.fitting import Fitter, Misfit, lookup
from streaming_assets.scaffold.code import escaped
from streaming_assets.scaffold.columns import Column
from streaming_assets.scaffold.proposal import Proposal
from streaming_assets.sqlcheck.relations import WINDOW
from streaming_assets.validation import validate

_LONGEST_LINE = 110

_WINDOW = tuple(
    Field(name=name, type=ScalarType.TIMESTAMP, description=description)
    for name, description in zip(
        WINDOW, ("Start of the window, UTC, inclusive.", "End of the window, UTC, exclusive."), strict=True
    )
)


@dataclass(frozen=True)
class NewSource:
    """A source that is to be."""

    definition: EventSource
    """What its package registers, but for the producer."""
    proposal: Proposal
    """What it is made of."""

    @property
    def module(self) -> str:
        """Name of the package's module."""
        return f"streaming_assets_{self.definition.name}"

    @property
    def distribution(self) -> str:
        """Name of the package."""
        return distribution_of(self.definition.name)


def distribution_of(name: str) -> str:
    """Return the name of the package of a source."""
    return f"streaming-assets-{name.replace('_', '-')}"


def define(name: str, topic: str, proposal: Proposal) -> NewSource:
    """Return the source that a proposal becomes.

    Raises:
        InvalidDefinition: It has faults, such as a topic that Kafka does not take.
    """
    title = name.replace("_", " ").capitalize()
    definition = EventSource(
        name=name,
        title=title,
        description=f"{title}, as recorded.",
        topic=Topic(name=topic),
        schema=EventSchema(fields=proposal.fields, event_time=proposal.event_time, event_id=proposal.event_id),
        producer=_no_producer,
        silver=SilverTable(
            description="One row for each event.",
            sql=_silver_sql(proposal.columns),
            columns=tuple(column.field for column in proposal.columns),
        ),
        gold=(_gold(proposal.category),),
    )
    faults = validate(definition)
    if faults:
        raise InvalidDefinition(name, faults)
    return NewSource(definition, proposal)


def misfits(source: NewSource) -> Counter[str]:
    """Return how many of the sample's events would go to quarantine, by reason."""
    fitter = Fitter(source.definition.schema)
    now = datetime.now(tz=UTC)
    decided = (fitter.fit(json.dumps(event).encode(), now) for event in source.proposal.events)
    return Counter(each.reason.value for each in decided if isinstance(each, Misfit))


def repetitions(source: NewSource) -> int:
    """Return how many of the sample's events would be dropped, as another one before has the same id."""
    path = source.definition.schema.event_id
    ids = [lookup(event, path) for event in source.proposal.events] if path is not None else []
    told = [each for each in ids if each is not None]
    return len(told) - len(set(told))


def _no_producer(_options: Mapping[str, str]) -> Producer:
    raise ValueError("there is no producer yet")


def _silver_sql(columns: Sequence[Column]) -> str:
    return "\nSELECT\n" + ",\n".join(f"  {_selected(column)}" for column in columns) + "\nFROM events\n"


def _selected(column: Column) -> str:
    if column.expression == column.field.name:
        return column.expression
    room = len(escaped(column.expression)) + len(column.field.name) < _LONGEST_LINE
    return f"{column.expression}{' ' if room else f'{chr(10)}    '}AS {column.field.name}"


def _gold(category: Column | None) -> GoldTable:
    """Return a table of how many events there were in each hour, by category if there is one."""
    name = category.field.name if category else None
    count = Field(name="event_count" if name == "events" else "events", type=ScalarType.LONG, description="How many.")
    keys = ["window_start", "window_end", *([name] if name else [])]
    sql = f"\nSELECT {', '.join(keys)}, count(*) AS {count.name}\nFROM silver\nGROUP BY {', '.join(keys)}\n"
    return GoldTable(
        name=f"events_per_{name.strip('_') or 'kind'}"[:63] if name else "events_per_hour",
        description=f"How many events{f' of each {name}' if name else ''} happened in each hour.",
        window="1 hour",
        sql=sql,
        columns=(*_WINDOW, *([category.field] if category else []), count),
        keys=("window_start", *([name] if name else [])),
        charts=(
            Chart(
                kind="bar" if name else "line",
                title=f"Events by {name}" if name else "Events",
                x="window_start",
                y=count.name,
                series=name,
            ),
        ),
    )
