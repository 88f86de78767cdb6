"""From a producer to a topic: asks for events, publishes them, waits for as long as the producer says."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from streaming_assets.contract import Batch, Event, Producer
from streaming_assets.errors import PluginError, StreamingAssetsError
from streaming_assets.isolation import described
from streaming_assets.kafka.publisher import Publisher

_PART_EVENTS = 1_000
_PART_SECONDS = 0.1

Progress = Callable[[int, str | None], None]
"""Told the number of events published so far, and the producer's note."""


def pump(  # noqa: PLR0913 - each of them is a choice of the person who produces
    producer: Producer,
    publisher: Publisher,
    *,
    rate: float | None = None,
    limit: int | None = None,
    stop: threading.Event,
    on_progress: Progress | None = None,
) -> int:
    """Publish what a producer brings until it has no more, `limit` is reached or `stop` is set.

    What was accepted is delivered in every case, also when the producer fails: it is flushed before the error is
    raised. The producer is closed.

    Args:
        producer: Brings the events.
        publisher: Takes them.
        rate: Most events per second, on average and within any tenth of a second; None for no limit.
        limit: Number of events after which to end, exactly.
        stop: Ends the loop soon after it is set, also in the middle of a wait.
        on_progress: Told about every batch.

    Returns:
        The number of events that Kafka has acknowledged.

    Raises:
        ValueError: The rate is not a finite number above 0.
        PluginError: The producer raised, or gave back something it may not.
        DeliveryError: Kafka did not take some events.
    """
    if rate is not None and not 0 < rate < math.inf:  # so that "not a number" is none either
        raise ValueError(f"the rate is {rate}, not a finite number of events per second above 0")
    before = publisher.delivered
    pace = _Pace(rate, stop)
    published = 0
    with closing(producer):
        try:
            while not stop.is_set() and published != limit:
                batch = _next_batch(producer)
                _tell(on_progress, published, batch.note)
                for part in pace.parts(batch.events if limit is None else batch.events[: limit - published]):
                    with _blamed(producer, "publishing its events"):
                        publisher.publish(_expect_bytes(part))
                    published += len(part)
                    _tell(on_progress, published, batch.note)
                if batch.poll_after is None:
                    break
                if batch.poll_after > 0 and published != limit:
                    publisher.flush()  # a fault shows now, and not after the wait
                    stop.wait(min(batch.poll_after, threading.TIMEOUT_MAX))
        finally:
            publisher.flush()
    return publisher.delivered - before


class _Pace:
    """Cuts events into parts, each at its time. A pause is not made up for by a burst."""

    def __init__(self, rate: float | None, stop: threading.Event) -> None:
        self._rate = rate
        self._stop = stop
        self._next = 0.0
        self._size = _PART_EVENTS if rate is None else max(1, min(_PART_EVENTS, int(rate * _PART_SECONDS)))

    def parts(self, events: Sequence[Event]) -> Iterator[Sequence[Event]]:
        """Yield parts of the events until `stop` is set."""
        for begin in range(0, len(events), self._size):
            part = events[begin : begin + self._size]
            if self._rate is not None:
                self._next = max(self._next, time.monotonic())
                self._stop.wait(self._next - time.monotonic())
                self._next += len(part) / self._rate
            if self._stop.is_set():
                return
            yield part


def _next_batch(producer: Producer) -> Batch:
    with _blamed(producer, "asking it for events"):
        batch = producer.next_batch()
        if not isinstance(batch, Batch):
            raise TypeError(f"next_batch() gave back {type(batch).__name__} instead of Batch")
        if not isinstance(batch.events, Sequence):
            raise TypeError(f"the events of a batch are {type(batch.events).__name__} instead of a sequence")
        if batch.poll_after is not None and not 0 <= batch.poll_after < math.inf:  # "not a number" is none either
            raise ValueError(f"poll_after is {batch.poll_after!r}, neither None nor finite seconds from 0 on")
        if not isinstance(batch.note, str | None):
            raise TypeError(f"the note of a batch is {type(batch.note).__name__} instead of text")
        return replace(batch, events=list(batch.events))  # here, as what is not a list may fail at any item


def _expect_bytes(events: Sequence[Event]) -> Sequence[Event]:
    # confluent-kafka would encode text in silence.
    strange = next((event.value for event in events if not isinstance(event.value, bytes)), b"")
    if not isinstance(strange, bytes):
        raise TypeError(f"the value of an event is {type(strange).__name__} instead of bytes")
    return events


def _name(producer: Producer) -> str:
    return str(getattr(producer, "name", type(producer).__qualname__))


def _tell(on_progress: Progress | None, published: int, note: str | None) -> None:
    if on_progress is not None:
        on_progress(published, note)


@contextmanager
def closing(producer: Producer) -> Iterator[None]:
    """Close a producer afterwards; where the work failed, an error of closing it is not told.

    Raises:
        PluginError: It could not be closed.
    """
    try:
        yield
    except BaseException:
        with suppress(Exception):  # the first error is the one to fix
            producer.close()
        raise
    with _blamed(producer, "closing it"):
        producer.close()


@contextmanager
def _blamed(producer: Producer, moment: str) -> Iterator[None]:
    try:
        yield
    except StreamingAssetsError:
        raise
    except Exception as error:
        raise PluginError(
            f"The producer {_name(producer)} failed while {moment}.",
            found=described(error),
            meaning="the events that it brought before were delivered",
            remedy="fix the plugin that makes it",
        ) from error
