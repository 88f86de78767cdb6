"""Takes the records of an offset range from librdkafka, in chunks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streaming_assets.errors import BrokerError, OffsetsRefused, StreamingAssetsError
from streaming_assets.faults import reach
from streaming_assets.kafka.columns import Chunk
from streaming_assets.kafka.connection import Connection, LastError
from streaming_assets.kafka.read_range import ReadRange

CHUNK_RECORDS = 1_000
"""Most records of a chunk. Small enough to stay in the processor's cache: 10,000 take twice the time per record."""

_CHUNK_BYTES = 4 * 2**20
_FIRST_CHUNK = 50
_WAIT_SECONDS = 0.1
_PATIENCE_SECONDS = 60.0

_END_OF_PARTITION = KafkaError._PARTITION_EOF  # noqa: SLF001 - librdkafka's own codes are named with an underscore
_OUT_OF_RANGE = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}  # noqa: SLF001
_GONE = {
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.UNKNOWN_TOPIC_ID,
}
"""What is said of a topic that had offsets when the read was planned: it is not new, as it may be in `topics.py`."""
_FORBIDDEN = {
    KafkaError._AUTHENTICATION,  # noqa: SLF001
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
_PASSING = {
    KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
    KafkaError._RESOLVE,  # noqa: SLF001
    KafkaError._TIMED_OUT,  # noqa: SLF001
    KafkaError.GROUP_AUTHORIZATION_FAILED,  # librdkafka asks for the group's coordinator; nothing here needs it
}
"""What librdkafka gets over by trying again, or what does not matter."""


class Fetcher:
    """One use of a consumer: from the start of a range to its end, or until `stop` is set."""

    def __init__(self, connection: Connection, topic: str, offsets: ReadRange, stop: threading.Event) -> None:
        """Prepare; nothing connects before `chunks`."""
        self._connection = connection
        self._topic = topic
        self._range = offsets
        self._stop = stop
        self._last_error = LastError()

    def chunks(self, max_bytes: int) -> Iterator[Chunk]:
        """Yield records inside the range until every partition has been read to its end.

        Args:
            max_bytes: Bounds what librdkafka fetches ahead.

        Raises:
            OffsetsRefused: The topic no longer holds the next offset, or is gone.
            BrokerError: No progress for a minute, or Kafka refuses for another reason.
            SettingsError: librdkafka refuses the settings of the connection.
        """
        try:
            with closing(self._connection.client(Consumer, self._settings(max_bytes))) as consumer:
                self._assign(consumer)
                yield from self._consume(consumer)
        except KafkaException as error:
            raise self._refused(error.args[0]) from None

    def _settings(self, max_bytes: int) -> dict[str, object]:
        return {
            "error_cb": self._last_error,
            "group.id": "streaming-assets",  # librdkafka wants one; it is not used
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 100,  # the end of a partition is told when a fetch comes back empty
            "fetch.message.max.bytes": min(max_bytes, 4 * 2**20),  # a larger record comes all the same (KIP-74)
            "queued.max.messages.kbytes": min(max_bytes, 64 * 2**20) // 1024 + 1,
            "fetch.queue.backoff.ms": 5,  # a full queue is normal here; the default waits for a second
        }

    def _assign(self, consumer: Consumer) -> None:
        start = self._range.next_offsets
        consumer.assign([TopicPartition(self._topic, one, start[one]) for one in self._range.unfinished])

    def _consume(self, consumer: Consumer) -> Iterator[Chunk]:
        size, patient_until = _FIRST_CHUNK, time.monotonic() + _PATIENCE_SECONDS
        while self._range.unfinished and not self._stop.is_set():
            unfinished = set(self._range.unfinished)
            messages = consumer.consume(size, _WAIT_SECONDS)
            records = [message for message in messages if message.error() is None]
            reached_an_end = len(records) < len(messages) and self._take_events(messages)
            if records:
                chunk = Chunk.of(records)
                reach("kafka.polled")
                size = _next_size(size, chunk)
                yield self._inside(chunk)
            if records or reached_an_end:
                patient_until = time.monotonic() + _PATIENCE_SECONDS
            elif time.monotonic() > patient_until:
                raise self._no_progress()
            if finished := unfinished - self._range.unfinished:
                consumer.pause([TopicPartition(self._topic, one) for one in finished])

    def _inside(self, chunk: Chunk) -> Chunk:
        return chunk.where(self._range.inside(chunk.partitions, chunk.offsets))

    def _take_events(self, messages: list[Message]) -> bool:
        """Note the partitions that have come to their end; raise what waiting does not help."""
        events = [(message, error) for message in messages if (error := message.error()) is not None]
        for message, error in events:
            if error.code() == _END_OF_PARTITION:
                self._range.partition_ends(message.partition(), message.offset())  # type: ignore[arg-type]
            elif error.code() not in _PASSING:
                raise self._refused(error, message.partition())
        return any(error.code() == _END_OF_PARTITION for _, error in events)

    def _refused(self, error: KafkaError, partition: int | None = None) -> StreamingAssetsError:
        where = f"topic {self._topic!r}" + ("" if partition is None else f", partition {partition}")
        if error.code() in _OUT_OF_RANGE:
            offsets = self._range.next_offsets
            return OffsetsRefused(
                f"Kafka no longer holds the next records of {where}.",
                found=error.str(),
                expected=f"the offsets by partition {offsets}"
                if partition is None
                else f"the offset {offsets[partition]}",
                meaning="records between this offset and the oldest one left were not read, "
                "or the topic was truncated or created again",
            )
        if error.code() in _GONE:
            return OffsetsRefused(
                f"Kafka does not know {where}.", found=error.str(), meaning="it can't be read further"
            )
        return self._failed(error, where)

    def _failed(self, error: KafkaError, where: str) -> BrokerError:
        found = f"{self._connection.bootstrap_servers}: {error.name()}: {self._last_error.explain(error)}"
        if error.code() in _FORBIDDEN:
            return BrokerError(
                f"Kafka does not allow this user to read {where}.",
                found=found,
                meaning="nothing was lost; reading goes on at the same offset",
                remedy="check the login in the STREAMING_ASSETS_KAFKA_* settings, and that its user has the permission "
                "to read the topic (ACL operations Read and Describe)",
            )
        return BrokerError(
            f"{where[0].upper()}{where[1:]} could not be read.",
            found=found,
            meaning="nothing was lost; reading stops here each time until the cause is removed",
            remedy="remove the cause named above (the brokers' logs may say more), then try again",
        )

    def _no_progress(self) -> BrokerError:
        end, position = self._range.end, self._range.next_offsets
        missing = {one: f"{position[one]} of {end[one]}" for one in sorted(self._range.unfinished)}
        return BrokerError(
            f"Kafka gave no records of topic {self._topic!r} for {_PATIENCE_SECONDS:.0f} seconds.",
            found=f"{self._connection.bootstrap_servers}: {self._last_error.explain()}; offsets by partition {missing}",
            meaning="nothing was lost; reading goes on at the same offset",
            remedy="check that the cluster runs and that no transaction on the topic stays open, then try again",
        )


def _next_size(size: int, chunk: Chunk) -> int:
    """Ask for more records at a time as long as they are small."""
    mean = int(chunk.bytes_up_to()[-1]) // len(chunk.messages) + 1
    return max(1, min(2 * size, CHUNK_RECORDS, _CHUNK_BYTES // mean))
