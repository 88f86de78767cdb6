"""Which files are merged: several of about the same size, so that a row is rewritten a few times and not every time.

Files fall into sizes, each eight times the one before. A merge takes files of one size, and whatever smaller ones
lie between, and makes files of the next. So what a row's rewriting costs grows with the logarithm of the table, and
a large file is not rewritten because small ones came. The same is done in log-structured merge trees (tiering).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from streaming_assets.lake.files import DataFile
from streaming_assets.lake.tables import LakeTable

MERGE_FROM = 2
"""Files of one size from which on a merge is worth it where nothing else goes on."""

MERGE_FROM_BESIDE_REFRESH = 8
"""Files of one size from which on a merge is worth it beside a refresh. A merge of so many fills a file of the next
size at least by half, so it is rewritten at that size once or twice."""

_STEP = 8
"""How many times as large files are after a merge."""

_SMALLEST_BYTES = 32 * 2**10
"""Smaller files are not told apart: what one costs is that it is there, not what it holds."""

_SETTLED = timedelta(minutes=10)
"""A partition that got no file for so long is merged as far as it goes: each size by itself, so that a late event does
not have the whole day rewritten."""

Partition = tuple[tuple[str, str], ...]


def merge_files(table: LakeTable, *, min_files: int, now: datetime | None = None) -> Iterator[dict[str, str]]:
    """Merge the files of a table where it is worth it, smallest first.

    Args:
        table: The table; it moves on to the version after each merge.
        min_files: How many files of one size are worth a merge.
        now: The present time; None takes the clock's.

    Yields:
        A partition, each time that files of it have been merged.

    Raises:
        ConcurrentWrite: A refresh replaced rows meanwhile; that merge was refused as a whole.
        TableError: The table can't be read or written.
    """
    # Told before the first merge: the file that it makes is as new as one that brought events.
    settled = _settled(table.files(), now or datetime.now(tz=UTC))
    for target in _targets(table.file_bytes):
        for partition in _worth(table.files(), target, min_files, settled):
            # Read anew each time, as a refresh may have brought batches since the merge before.
            table.compact(metadata=table.commit_metadata() or {}, target=target, partition=dict(partition))
            yield dict(partition)


def is_worth_it(table: LakeTable, *, min_files: int, now: datetime | None = None) -> bool:
    """Tell whether `merge_files` would merge anything."""
    files = table.files()
    settled = _settled(files, now or datetime.now(tz=UTC))
    return any(_worth(files, target, min_files, settled) for target in _targets(table.file_bytes))


def _targets(largest: int) -> list[int]:
    """Return the sizes of files after a merge, smallest first."""
    targets = [largest]
    while targets[0] > 2 * _SMALLEST_BYTES:
        targets.insert(0, targets[0] // _STEP)
    return targets


def _worth(files: Sequence[DataFile], target: int, min_files: int, settled: frozenset[Partition]) -> list[Partition]:
    """Return the partitions that hold enough files of the size that is merged into files of `target` bytes."""
    low = target // 2 // _STEP if target > 2 * _SMALLEST_BYTES else 0

    def enough(partition: Partition, its_files: Sequence[DataFile]) -> bool:
        of_this_size = sum(low < file.size <= target // 2 for file in its_files)
        return of_this_size >= (MERGE_FROM if partition in settled else min_files)

    return [partition for partition, its_files in sorted(_by_partition(files).items()) if enough(partition, its_files)]


def _settled(files: Sequence[DataFile], now: datetime) -> frozenset[Partition]:
    """Return the partitions that got no file for long."""
    return frozenset(
        partition
        for partition, its_files in _by_partition(files).items()
        if all(file.modified is not None and now - file.modified > _SETTLED for file in its_files)
    )


def _by_partition(files: Iterable[DataFile]) -> dict[Partition, list[DataFile]]:
    partitions: dict[Partition, list[DataFile]] = defaultdict(list)
    for file in files:
        partitions[tuple(sorted(file.partition.items()))].append(file)
    return partitions
