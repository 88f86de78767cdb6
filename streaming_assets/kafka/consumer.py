"""Reads a bounded range of a topic as Arrow tables.

There is no consumer group at work: the caller says where to start and where to end, and keeps the position
itself. Partitions are assigned, nothing is committed.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa

from streaming_assets.errors import StreamingAssetsError
from streaming_assets.kafka.columns import Chunk, Columns
from streaming_assets.kafka.connection import MAX_MESSAGE_BYTES, Connection
from streaming_assets.kafka.fetching import Fetcher
from streaming_assets.kafka.read_range import ReadRange

_MOST_BYTES = 2**31 - 1 - 2 * MAX_MESSAGE_BYTES  # Arrow's binary columns count in 32 bits
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Consecutive records of a topic, and where to go on after them."""

    table: pa.Table
    """The records, with the columns of `columns.RECORD_SCHEMA`; empty where the position moved without a record."""
    next_offsets: dict[int, int]
    """For every partition of the range, the position after this batch."""


class RecordReader:
    """Iterates over the records from `start` up to, and without, `end`.

    A second thread reads the next batch while the caller works on the one it has, so up to three batches are in
    memory. Only records of committed transactions are read, so `end` has to be a last
    stable offset (`TopicState.high`).

    Positions come from the consumer and pass what is not a record: control records, aborted transactions, what
    compaction removed. After the last batch they equal `end`, even where no record came: a record at or
    behind `end`, or the end of the partition (`enable.partition.eof`), shows that nothing before it is missing.
    """

    def __init__(  # noqa: PLR0913 - a range has this many sides
        self,
        connection: Connection,
        topic: str,
        start: Mapping[int, int],
        end: Mapping[int, int],
        *,
        max_records: int,
        max_bytes: int,
    ) -> None:
        """Prepare; nothing connects before `with`.

        Args:
            connection: The cluster.
            topic: Topic name.
            start: Per partition the first offset to read; it has every partition of `end`.
            end: Per partition the offset before which to stop.
            max_records: Most records in a batch.
            max_bytes: Most bytes of keys and values in a batch; a larger record makes a batch of its own.

        Raises:
            ValueError: A partition has an end and no start.
        """
        self._topic = topic
        self._range = ReadRange(start, end)
        self._max_records = max_records
        self._max_bytes = min(max_bytes, _MOST_BYTES)
        self._closed = threading.Event()
        self._fetcher = Fetcher(connection, topic, self._range, self._closed)
        self._batches: queue.Queue[RecordBatch | BaseException | None] = queue.Queue(maxsize=1)  # None is the end
        self._thread = threading.Thread(target=self._run, name=f"read {topic}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()
        with contextlib.suppress(queue.Empty):
            self._batches.get_nowait()
        self._batches.put(None)  # there is nothing more for whoever still asks

    def __iter__(self) -> Iterator[RecordBatch]:
        return self

    def __next__(self) -> RecordBatch:
        """Return the next batch.

        Raises:
            OffsetsRefused: The topic no longer holds the next offset, or is gone.
            BrokerError: Kafka gave nothing for a minute, or refuses.
        """
        batch = self._batches.get()
        if isinstance(batch, RecordBatch):
            return batch
        self._batches.put(batch)  # whoever asks again gets the same answer
        raise StopIteration if batch is None else batch

    def _run(self) -> None:
        end: BaseException | None = None
        try:
            with contextlib.closing(self._read()) as batches:
                for batch in batches:
                    self._hand_over(batch)
        except BaseException as error:  # noqa: BLE001 - the caller's thread raises it
            end = error
        self._hand_over(end)

    def _hand_over(self, what: RecordBatch | BaseException | None) -> None:
        while not self._closed.is_set():
            try:
                self._batches.put(what, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return

    def _read(self) -> Generator[RecordBatch, None, None]:
        columns = Columns(self._topic)
        try:
            for chunk in self._fetcher.chunks(self._max_bytes):
                rest = chunk
                while rest.messages:
                    taken, rest = rest.split(self._room(columns, rest))
                    columns.append(taken)
                    self._range.hand_on(taken.partitions, taken.offsets)
                    if rest.messages or columns.records == self._max_records:
                        yield RecordBatch(columns.table(), self._range.next_offsets)
                        columns = Columns(self._topic)
        except StreamingAssetsError:
            if columns.records:  # what came before is whole, and may not be in Kafka the next time
                yield RecordBatch(columns.table(), self._range.next_offsets)
            raise
        if not self._range.unfinished and (columns.records or self._range.next_offsets != self._range.end):
            yield RecordBatch(columns.table(), self._range.end)

    def _room(self, columns: Columns, chunk: Chunk) -> int:
        """Return how many records of the chunk the batch can take: at least one while it is empty."""
        fitting = int(np.searchsorted(chunk.bytes_up_to(), self._max_bytes - columns.bytes, side="right"))
        return min(max(fitting, 0 if columns.records else 1), self._max_records - columns.records)
