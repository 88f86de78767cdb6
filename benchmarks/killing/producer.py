"""A producer process: the framework's publisher, and a ledger of every event that Kafka says it has taken.

    python producer.py SOURCE --seed 1 --rate 500 --ledger FILE

It goes on where the ledger ends, a few events before, as a producer does that does not know what was in flight
when it was killed. A line of the ledger is `partition offset sha256-of-the-value`, of fixed width, and is written
by one call to the operating system, so that SIGKILL leaves whole lines only. SIGTERM ends it after what was
accepted is delivered; then it writes how many events those were.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Iterable
from itertools import count, islice
from pathlib import Path

from confluent_kafka import KafkaError, Message

from killing.events import value
from killing.ledger import LINE_BYTES, line, lines
from streaming_assets.cli.context import stopping
from streaming_assets.contract import Batch, Event, Topic
from streaming_assets.kafka.broker import connect
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.pump import pump
from streaming_assets.kafka.topics import ensure_topic
from streaming_assets.registry import load_sources
from streaming_assets.settings import load_settings

_AGAIN = 20
_BATCH = 100


class Simulation:
    """Produces the events of a source from a number on, without end."""

    def __init__(self, source: str, seed: int, first: int) -> None:
        """Begin with the event of the number `first`."""
        self._events = (Event(value=value(source, seed, number)) for number in count(first))

    def next_batch(self) -> Batch:
        """Return the next events."""
        return Batch(events=list(islice(self._events, _BATCH)), poll_after=0.0)

    def close(self) -> None:
        """There is nothing to close."""


class Witness(Publisher):
    """The framework's publisher, asked to report every delivery and not only failures."""

    def __init__(self, connection: Connection, topic: Topic, ledger: int) -> None:
        """Write to the open file `ledger`."""
        self._ledger = ledger
        super().__init__(connection, topic)

    def publish(self, events: Iterable[Event]) -> None:
        """Publish, and let librdkafka report what it knows: by itself a publisher asks every 1,000 events."""
        super().publish(events)
        self._serve(0)

    def _settings(self) -> dict[str, object]:
        return {**super()._settings(), "delivery.report.only.error": False, "on_delivery": self._note}

    def _note(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._note_failure(error, message)
            return
        digest = hashlib.sha256(message.value() or b"").hexdigest()
        os.write(self._ledger, line(int(message.partition() or 0), int(message.offset() or 0), digest))


def main() -> None:
    """Publish until SIGTERM."""
    arguments = _arguments()
    ledger = os.open(arguments.ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    first = max(0, lines(arguments.ledger) - _AGAIN)
    source = load_sources().get(arguments.source)
    with connect(load_settings()) as connection, stopping() as stop:
        ensure_topic(connection, source.topic)
        with Witness(connection, source.topic, ledger) as publisher:
            producer = Simulation(source.name, arguments.seed, first)
            delivered = pump(producer, publisher, rate=arguments.rate, stop=stop)
    assert arguments.ledger.stat().st_size % LINE_BYTES == 0
    sys.stdout.write(str(delivered))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
