"""Reads back what a topic still holds in some ranges of offsets, to compare it with what was stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

import pyarrow as pa

from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.consumer import RecordReader

RangesByPartition = Mapping[int, Sequence[tuple[int, int]]]
"""Per partition ranges of offsets in ascending order: the first offset, and the first one behind the range."""

NEAR = 50_000
"""Offsets between two ranges up to which reading on costs less than a new start."""

_RECORDS = 20_000
_BYTES = 16 * 2**20


def read_back(connection: Connection, topic: str, ranges: RangesByPartition) -> Iterator[pa.Table]:
    """Yield the records of committed transactions that a topic holds in ranges of offsets, and some in between.

    Ranges near to each other are read as one, so records between them come, too. What is not yielded inside of a
    range is not in the topic: it was a control record or part of an aborted transaction, or compaction removed it.

    Args:
        connection: The cluster.
        topic: Topic name.
        ranges: What to read. Every range has to lie between the topic's low watermark and last stable offset.

    Yields:
        Records with the columns of `columns.RECORD_SCHEMA`; at most three tables of 20,000 rows are in memory.

    Raises:
        OffsetsRefused: The topic no longer holds a range, or is gone.
        BrokerError: Kafka can't be reached, or refuses.
    """
    joined = [[(partition, each) for each in join_near(some, NEAR)] for partition, some in ranges.items()]
    for together in zip_longest(*joined):
        spans = dict(each for each in together if each is not None)
        start, end = ({one: span[side] for one, span in spans.items()} for side in (0, 1))
        with RecordReader(connection, topic, start, end, max_records=_RECORDS, max_bytes=_BYTES) as reader:
            for batch in reader:
                yield batch.table


def join_near(ranges: Sequence[tuple[int, int]], near: int) -> list[tuple[int, int]]:
    """Join ascending ranges that lie at most `near` offsets apart."""
    joined: list[tuple[int, int]] = []
    for start, end in ranges:
        if joined and start - joined[-1][1] <= near:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
