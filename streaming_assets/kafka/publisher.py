"""Writes events to a topic, and knows which of them Kafka has taken."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streaming_assets.contract import Event, Topic
from streaming_assets.errors import DeliveryError
from streaming_assets.kafka.connection import MAX_MESSAGE_BYTES, Connection, LastError
from streaming_assets.kafka.keys import key_reader

DELIVERY_SECONDS = 60.0
"""How long an event may wait for Kafka to take it."""

_MARGIN_SECONDS = 10.0
_FULL_SECONDS = 0.05
_SERVE_EVERY = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Publisher:
    """Publishes events to one topic; each is written once, in order per partition (idempotent producer, KIP-98).

    Events wait in a bounded queue in memory; a full queue makes `publish` wait. Leaving `with` flushes.
    """

    def __init__(self, connection: Connection, topic: Topic) -> None:
        """Prepare; librdkafka connects in the background.

        Raises:
            SettingsError: librdkafka refuses the settings of the connection.
        """
        self._topic = topic.name
        self._servers = connection.bootstrap_servers
        self._key = key_reader(topic.key)
        self._last_error = LastError()
        self._accepted = 0
        self._settled = 0
        self._failed = 0
        self._reason = ""
        self._producer = connection.client(Producer, self._settings())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        try:
            self.flush()
        except DeliveryError:
            if error is None:
                raise

    @property
    def delivered(self) -> int:
        """Number of events that Kafka has acknowledged: exact after `flush`, and never too high before."""
        # The queue's length can count librdkafka's own notices too, besides the events that wait.
        return max(self._settled, self._accepted - self._failed - len(self._producer))

    def publish(self, events: Iterable[Event]) -> None:
        """Accept events for delivery, in their order.

        Raises:
            DeliveryError: An event can't be sent, or Kafka has told that it did not take one that was accepted.
            UnicodeEncodeError: The name of a header is not Unicode: it has a lone surrogate.
        """
        for event in events:
            self._produce(event)
            self._accepted += 1
            if self._accepted % _SERVE_EVERY == 0:
                self._serve(0)
        self._serve(0)  # so that few events a second don't put off for minutes what is to be told

    def flush(self) -> None:
        """Wait until Kafka has taken everything that was accepted.

        Raises:
            DeliveryError: It did not take all; the text has the counts and the first reason.
        """
        deadline = time.monotonic() + DELIVERY_SECONDS + _MARGIN_SECONDS
        while self._producer.flush(1.0) and time.monotonic() < deadline:
            pass
        if len(self._producer):  # librdkafka should have given up by now
            self._producer.purge()
            self._producer.flush(1.0)
        self._settled = self._accepted - self._failed
        self._serve(0)

    def _settings(self) -> dict[str, object]:
        return {
            "error_cb": self._last_error,
            "on_delivery": self._note_failure,
            "delivery.report.only.error": True,  # a callback for each event would cost more than sending it
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "lz4",
            "linger.ms": 20,
            "partitioner": "murmur2_random",  # Java's, so that all writers put a key into the same partition
            "message.max.bytes": MAX_MESSAGE_BYTES,
            "message.timeout.ms": int(DELIVERY_SECONDS * 1000),
            "queue.buffering.max.messages": 100_000,
            "queue.buffering.max.kbytes": 64 * 2**10,
        }

    def _produce(self, event: Event) -> None:
        key = self._key(event.value) if event.key is None else event.key
        optional: dict[str, Any] = {}
        if event.timestamp is not None:
            optional["timestamp"] = (event.timestamp - _EPOCH) // _MILLISECOND
        if event.headers:
            for name, _ in event.headers:
                name.encode()  # where this fails, confluent-kafka would end the process
            optional["headers"] = list(event.headers)
        while True:
            try:
                self._producer.produce(self._topic, event.value, key, **optional)
            except BufferError:
                self._serve(_FULL_SECONDS)
            except KafkaException as error:
                raise self._unsendable(event, error.args[0]) from None
            else:
                return

    def _serve(self, seconds: float) -> None:
        """Let librdkafka report; it waits for at most `seconds` if it has nothing to say."""
        self._producer.poll(seconds)
        if self._failed:
            raise DeliveryError(
                f"Kafka did not take {self._failed} of {self._accepted} events for topic {self._topic!r}.",
                found=f"{self._servers}: {self._reason}",
                meaning=f"{self.delivered} events were delivered",
                remedy="check that the cluster runs and takes such events, then produce the missing ones again",
            )

    def _note_failure(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed += 1
            self._reason = self._reason or self._last_error.explain(error)

    def _unsendable(self, event: Event, error: KafkaError) -> DeliveryError:
        return DeliveryError(
            f"An event can't be sent to topic {self._topic!r}.",
            found=f"{self._servers}: an event of {len(event.value)} bytes: {self._last_error.explain(error)}",
            expected=f"at most {MAX_MESSAGE_BYTES} bytes",
            meaning=f"the {self._accepted} events before it were accepted",
            remedy="leave the event out, or fix what makes it",
        )
