"""Which Bronze batches are refined together: as many as fit the limits, whole batches only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
from pyarrow import parquet

from streaming_assets.engines.protocol import Limits
from streaming_assets.lake.files import DataFile


@dataclass(frozen=True, slots=True)
class Slice:
    """Consecutive Bronze batches."""

    after: int
    """The batch before the first."""
    upto: int
    """The last batch."""
    files: tuple[DataFile, ...]
    """The files that hold them."""


def slices(files: Sequence[DataFile], after: int, limits: Limits) -> Iterator[Slice]:
    """Cut the batches after `after` into slices.

    Compaction puts several batches into one file; files whose batches overlap stay together, so that
    every file is read once. A slice is never smaller than one file.
    """
    group: list[DataFile] = []
    for files_together in _overlapping(files):
        if group and not _within(limits, [*group, *files_together]):
            yield _slice(group, after)
            after = _last(group)
            group = []
        group.extend(files_together)
    if group:
        yield _slice(group, after)


def _overlapping(files: Sequence[DataFile]) -> Iterator[list[DataFile]]:
    together: list[DataFile] = []
    for file in sorted(files, key=lambda file: (file.low["batch"], file.high["batch"])):
        if together and file.low["batch"] > _last(together):
            yield together
            together = []
        together.append(file)
    if together:
        yield together


def _within(limits: Limits, files: Sequence[DataFile]) -> bool:
    return (
        sum(file.records for file in files) <= limits.records
        and sum(_uncompressed(file.path) for file in files) <= limits.bytes
    )


@lru_cache(maxsize=1_024)  # a group is measured again with each file that may join it
def _uncompressed(path: str) -> int:
    try:
        metadata = parquet.read_metadata(path)
    except pa.ArrowException as error:
        raise OSError(f"{error} '{path}'") from error
    return sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))


def _last(files: Sequence[DataFile]) -> int:
    return max(int(file.high["batch"]) for file in files)


def _slice(files: Sequence[DataFile], after: int) -> Slice:
    return Slice(after=after, upto=_last(files), files=tuple(files))
