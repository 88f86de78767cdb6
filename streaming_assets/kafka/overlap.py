"""Reading begins with the last record that was read before, which shows that it is still the same log.

A partition that lost its end, by an unclean choice of leader or a restored backup, gives the lost offsets to
other records. Once there are as many of them as there were before, no offset tells; the last record does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from streaming_assets.errors import TopicTruncated
from streaming_assets.kafka.consumer import RecordBatch

LastRecord = tuple[int, str]
"""Offset and fingerprint of a record."""

_HASH_BYTES = 8


class Overlap:
    """Drops the records that were read before, and refuses others in their place."""

    def __init__(self, topic: str, start: Mapping[int, int], last: Mapping[int, LastRecord]) -> None:
        """Prepare.

        Args:
            topic: The topic's name.
            start: Per partition the first offset that is new.
            last: The last record before it, by partition, where it is known and Kafka still has its offset.
        """
        self._topic = topic
        self._start = start
        self._last = {partition: record for partition, record in last.items() if partition in start}

    @property
    def begin(self) -> dict[int, int]:
        """Per partition the offset to read from."""
        return {**self._start, **{partition: offset for partition, (offset, _) in self._last.items()}}

    def new(self, batch: RecordBatch) -> RecordBatch:
        """Return a batch without what was read before.

        A record of before that is not there any more is no fault: compaction and retention take it away.

        Raises:
            TopicTruncated: There is another record in a place that was read before.
        """
        next_offsets = {one: max(offset, self._start[one]) for one, offset in batch.next_offsets.items()}
        if not self._last:
            return RecordBatch(batch.table, next_offsets)
        partitions, offsets = (batch.table.column(name).to_numpy() for name in ("partition", "offset"))
        starts = np.zeros(max(self._start) + 1, np.int64)
        for partition, offset in self._start.items():
            starts[partition] = offset
        before = offsets < starts[partitions]
        if not before.any():
            return RecordBatch(batch.table, next_offsets)
        for row in np.flatnonzero(before).tolist():
            self._expect_same(batch.table.slice(row, 1))
        return RecordBatch(batch.table.filter(pa.array(~before)), next_offsets)

    def _expect_same(self, row: pa.Table) -> None:
        ((partition, found),) = last_records(row).items()
        if found == self._last[partition]:
            return
        raise TopicTruncated(
            f"Topic {self._topic} has another record in a place that Bronze has read.",
            found=f"another record at offset {found[0]} of partition {partition}",
            expected=f"the record that Bronze has at offset {self._last[partition][0]}",
            meaning="Kafka lost records that Bronze has, and gave their offsets to others; which of those were missed "
            "can't be told; what Bronze has is untouched",
        )


def last_records(table: pa.Table) -> dict[int, LastRecord]:
    """Return the last record of each partition in a batch, in which each partition's records stand in their order."""
    backwards = table.column("partition").to_numpy()[::-1]
    found = {}
    for partition, place in zip(*np.unique(backwards, return_index=True), strict=True):
        row = table.slice(table.num_rows - 1 - int(place), 1)
        found[int(partition)] = (row.column("offset")[0].as_py(), _fingerprint(row))
    return found


def _fingerprint(row: pa.Table) -> str:
    """Return a hash of timestamp, key and value; absent and empty are two things."""
    digest = hashlib.blake2b(digest_size=_HASH_BYTES)
    timestamp = row.column("timestamp").cast(pa.int64())[0].as_py()
    for part in (str(timestamp).encode(), row.column("key")[0].as_py(), row.column("value")[0].as_py()):
        digest.update(b"-" if part is None else b"%d:" % len(part) + part)
    return digest.hexdigest()
