"""Which Bronze batches are refined together: as many as fit the limits, whole batches only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
    records = size = 0
    for files_together in _overlapping(files):
        more_records, more_size = _records(files_together), _uncompressed(files_together)
        if group and (records + more_records > limits.records or size + more_size > limits.bytes):
            yield _slice(group, after)
            after = _last(group)
            group, records, size = [], 0, 0
        group.extend(files_together)
        records, size = records + more_records, size + more_size
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


def _records(files: Sequence[DataFile]) -> int:
    return sum(file.records for file in files)


def _uncompressed(files: Sequence[DataFile]) -> int:
    """Return the bytes of files before compression, which is about what they take in memory."""
    return sum(_size(file.path) for file in files)


def _size(path: str) -> int:
    try:
        metadata = parquet.read_metadata(path)
    except pa.ArrowException as error:
        raise OSError(f"{error} '{path}'") from error
    return sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))


def _last(files: Sequence[DataFile]) -> int:
    return max(int(file.high["batch"]) for file in files)


def _slice(files: Sequence[DataFile], after: int) -> Slice:
    return Slice(after=after, upto=_last(files), files=tuple(files))
