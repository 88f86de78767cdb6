"""Asks a producer for events as the framework does, and notes what it does wrong."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from streaming_assets.contract import Batch, Event, EventSource, Producer
from streaming_assets.isolation.frames import innermost, of_error, of_thread
from streaming_assets.testing.threads import AskingThread, threads_left
from streaming_assets.testing.watching import Watch, place
from streaming_assets.validation.types import shown, type_faults

MOST_EVENTS = 1_000
"""So many events are enough."""

_MOST_CALLS = 200
_WAITING_SECONDS = 5.0
_FIRST_EVENT_SECONDS = 30.0
_LONGEST_CALL_SECONDS = 30.0


@dataclass
class Gathered:
    """What a producer gave, and what it did wrong."""

    events: list[Event] = field(default_factory=list)
    """Its events, oldest first."""
    faults: list[str] = field(default_factory=list)
    """What it did that a producer may not do, each with its place."""
    notes: list[str] = field(default_factory=list)
    """What it said that a person should know."""
    ending: list[str] = field(default_factory=list)
    """Why it was not asked further, if it wanted to be asked later."""


def gather(source: EventSource, options: Mapping[str, str]) -> Gathered:
    """Make the producer of a source, ask it for events and close it.

    It is asked until it has no more, has given `MOST_EVENTS`, or wants to be asked again later than within a few
    seconds; for its first event it has longer. Then another one is made and closed, as after a restart. All of it
    happens in a thread, so that a producer that hangs does not keep its test from ending.

    Args:
        source: The source.
        options: The producer's options.
    """
    asking = _Asking(source, options)
    thread = AskingThread(target=asking.run, name=f"producer of {source.name}", daemon=True)
    thread.start()
    while thread.is_alive() and not asking.hangs():
        thread.join(0.05)
    if thread.is_alive():
        where = place(innermost(of_thread(thread), source.producer.__module__))
        asking.gathered.faults.append(
            f"{asking.doing} did not return within {_LONGEST_CALL_SECONDS:.0f} seconds: it is in {where}"
        )
    else:
        asking.gathered.faults += threads_left(thread.kept, source.producer.__module__)
    return asking.gathered


class _Asking:
    """One life of a producer."""

    def __init__(self, source: EventSource, options: Mapping[str, str]) -> None:
        self.gathered = Gathered()
        self.doing = "the factory"
        self._source = source
        self._options = options
        self._since: float | None = None
        self._before: tuple[object, Sequence[Event]] = (None, ())

    def hangs(self) -> bool:
        """Tell whether the plugin's code has been running for too long."""
        since = self._since
        return since is not None and time.monotonic() - since > _LONGEST_CALL_SECONDS

    def run(self) -> None:
        """Make the producer, ask it, close it; then make and close another one."""
        producer = self._make("the factory")
        if producer is None:
            return
        self._gather(producer)
        with self._calling("close()"):
            producer.close()
        if self.gathered.faults:
            return
        another = self._make("the factory, called again after close(),")
        if another is not None:
            with self._calling("close(), of a producer that was not asked for events,"):
                another.close()

    def _make(self, what: str) -> Producer | None:
        with self._calling(what):
            return self._source.producer(dict(self._options))
        return None

    def _gather(self, producer: Producer) -> None:
        waited = 0.0
        for _ in range(_MOST_CALLS):
            batch = self._ask(producer)
            if batch is None or batch.poll_after is None or len(self.gathered.events) >= MOST_EVENTS:
                break
            waited += batch.poll_after
            if waited > (_WAITING_SECONDS if self.gathered.events else _FIRST_EVENT_SECONDS):
                self.gathered.ending.append(f"it wants to be asked again after {batch.poll_after:g} seconds, too late")
                break
            time.sleep(batch.poll_after)

    def _ask(self, producer: Producer) -> Batch | None:
        """Return the next batch; None where there is none that can be used."""
        given: list[object] = []
        with self._calling("next_batch()"), Watch(type(producer).__module__) as watch:
            given.append(producer.next_batch())
        wrong = [fault for batch in given for fault in batch_faults(batch) or self._given_again(batch)]
        self._note([*(f"next_batch() {wait}" for wait in watch.waits), *wrong])
        batch = given[0] if given and not wrong else None
        if not isinstance(batch, Batch):
            return None
        self.gathered.events += islice(batch.events, MOST_EVENTS - len(self.gathered.events))  # no slice of a deque
        self.gathered.notes += [batch.note] if batch.note else []
        return batch

    def _given_again(self, batch: object) -> Iterator[str]:
        """Yield that a batch has the list of the one before, and still in it what that gave."""
        events: Sequence[Event] = batch.events if isinstance(batch, Batch) else ()
        (same, before), self._before = self._before, (events, tuple(events))
        if events is same and 0 < len(before) < len(events) and events[0] is before[0]:
            yield f"next_batch() gave the {len(before):,} events of the call before once more: its list grows"

    def _note(self, faults: Sequence[str]) -> None:
        self.gathered.faults += [fault for fault in dict.fromkeys(faults) if fault not in self.gathered.faults]

    @contextmanager
    def _calling(self, what: str) -> Iterator[None]:
        self.doing, self._since = what, time.monotonic()
        try:
            yield
        except BaseException as error:  # noqa: BLE001 - a plugin may raise anything
            where = place(innermost(of_error(error), self._source.producer.__module__))
            self._note([f"{what} raised {type(error).__name__}: {error}, in {where}"])
        finally:
            self._since = None


def batch_faults(batch: object) -> list[str]:
    """Return what is wrong with what `next_batch` gave."""
    if not isinstance(batch, Batch):
        return [f"next_batch() gave {shown(batch)} instead of a Batch"]
    faults = []
    if not isinstance(batch.events, Sequence) or isinstance(batch.events, str | bytes):
        faults.append(f"Batch.events is {shown(batch.events)} instead of a sequence of Event")
    else:
        faults += [fault for index, event in enumerate(batch.events) for fault in _event_faults(event, index)]
    wait = batch.poll_after
    if wait is not None and not (isinstance(wait, int | float) and 0 <= wait < math.inf):
        faults.append(f"Batch.poll_after is {shown(wait)} instead of seconds, or None where nothing more comes")
    if batch.note is not None and not isinstance(batch.note, str):
        faults.append(f"Batch.note is {shown(batch.note)} instead of text, or None")
    return faults


def _event_faults(event: object, index: int) -> Iterator[str]:
    yield from (str(fault) for fault in type_faults(event, Event, f"Batch.events[{index}]"))
    if isinstance(event, Event) and event.timestamp is not None and event.timestamp.tzinfo is None:
        yield f"Batch.events[{index}].timestamp is {event.timestamp} instead of a time with its zone"
