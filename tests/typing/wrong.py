"""What an author may not write: a marked line has the error that is named, or the mark is one itself."""

from __future__ import annotations

from collections.abc import Mapping

from streaming_assets import (
    Batch,
    Chart,
    Event,
    EventSchema,
    EventSource,
    Field,
    Producer,
    ProducerFactory,
    ScalarType,
    SilverTable,
    Topic,
    hookimpl,
)

NAME = Field(name="name", type=ScalarType.STRING)

# What has no default has to be given, by its name, and nothing else can be.
Field(name="a")  # type: ignore[call-arg]
Field("a", ScalarType.LONG)  # type: ignore[call-arg]
Field(name="a", type=ScalarType.LONG, unit="kg")  # type: ignore[call-arg]
EventSchema(fields=(NAME,))  # type: ignore[call-arg]
Batch(events=())  # type: ignore[call-arg]

# Values are of the declared types.
Field(name="a", type="long")  # type: ignore[arg-type]
Field(name="a", type=int)  # type: ignore[arg-type]
ScalarType.INTEGER  # type: ignore[attr-defined]  # noqa: B018
Event(value="text")  # type: ignore[arg-type]
Batch(events=[b"bytes"], poll_after=None)  # type: ignore[list-item]
Topic(name="a", retention=3600)  # type: ignore[arg-type]
Chart(kind="pie", title="A")  # type: ignore[arg-type]
SilverTable(columns=[NAME])  # type: ignore[arg-type]
SilverTable(columns=(NAME,), function="upper")  # type: ignore[arg-type]
SilverTable(columns=(NAME,), function=lambda events, _options: events)  # type: ignore[misc, arg-type]

# Nothing can be changed, or added.
NAME.name = "other"  # type: ignore[misc]
NAME.unit = "kg"  # type: ignore[attr-defined]


class Unclosed:
    """No producer: it can't be closed."""

    def next_batch(self) -> Batch:
        """Return nothing."""
        return Batch(events=(), poll_after=None)


class Listing:
    """No producer: it gives a list."""

    def next_batch(self) -> list[Event]:
        """Return nothing."""
        return []

    def close(self) -> None:
        """Do nothing."""


def unclosed(_options: Mapping[str, str]) -> Producer:
    """Return what is no producer."""
    return Unclosed()  # type: ignore[return-value]


def without_options() -> Producer:
    """Take no options."""
    raise NotImplementedError


LISTING: Producer = Listing()  # type: ignore[assignment]
WITHOUT_OPTIONS: ProducerFactory = without_options  # type: ignore[assignment]
A_PRODUCER: ProducerFactory = Listing()  # type: ignore[assignment]


@hookimpl
def register_event_source() -> EventSource:
    """Return no source."""
    return None  # type: ignore[return-value]


register_event_source("an argument")  # type: ignore[call-arg]
register_event_source().names  # type: ignore[attr-defined]  # noqa: B018
