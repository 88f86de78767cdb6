"""Recorded files as a producer: one event a line, byte for byte."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from streaming_assets.contract import Batch, Event
from streaming_assets.errors import ReplayError

LONGEST_LINE = 64 * 2**20
"""A longer line is taken for a file that does not consist of events, in bytes."""

_BATCH_EVENTS = 10_000
_BATCH_BYTES = 8 * 2**20
_GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952, 2.3.1


class FileReplay:
    r"""Produces the lines of recorded files, plain or gzip, one file after the other.

    An event is what stands between two `\n`: a `\r` belongs to it, malformed or empty lines are events too, and
    the `\n` at the end of the file begins no further one. Whether a file is compressed is told by its first bytes.
    Damage inside of a compressed file shows where it can't be unpacked, at the latest by the checksum at its end.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        """Look whether every file can be opened, before the first event of any is produced.

        Raises:
            ReplayError: One can't.
        """
        for path in paths:
            try:
                _open(path).close()
            except OSError as error:
                raise _unreadable(path, error, 0, 0) from error
        self._batches = _batches(paths)

    def next_batch(self) -> Batch:
        """Return the next events, at most 10,000 or about 8 MiB.

        Raises:
            ReplayError: A file can't be read to its end. The events before the place were in earlier batches.
        """
        events = next(self._batches, None)
        return Batch(events=events or (), poll_after=None if events is None else 0.0)

    def close(self) -> None:
        """Close the file that is open."""
        self._batches.close()


def _batches(paths: Sequence[Path]) -> Generator[list[Event], None, None]:
    produced = 0
    for path in paths:
        before, events, size = produced, [], 0
        try:
            for line in _lines(path):
                events.append(Event(value=line))
                size += len(line)
                if len(events) == _BATCH_EVENTS or size >= _BATCH_BYTES:
                    yield events
                    produced += len(events)
                    events, size = [], 0
        except (OSError, EOFError, zlib.error, _LineTooLong) as error:
            if events:
                yield events
            produced += len(events)
            raise _unreadable(path, error, produced - before, produced) from error
        if events:
            yield events
            produced += len(events)


class _LineTooLong(Exception):
    def __str__(self) -> str:
        return f"a line of more than {LONGEST_LINE} bytes"


def _lines(path: Path) -> Iterator[bytes]:
    with _open(path) as file:
        while line := file.readline(LONGEST_LINE + 1):
            if len(line) > LONGEST_LINE:
                raise _LineTooLong
            yield line.removesuffix(b"\n")


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        compressed = file.read(2) == _GZIP_MAGIC
    return cast(BinaryIO, gzip.open(path)) if compressed else path.open("rb")


def _unreadable(path: Path, error: Exception, from_file: int, in_all: int) -> ReplayError:
    reason = error.strerror if isinstance(error, OSError) else None
    return ReplayError(
        f"The file {path} can't be read" + (" to its end." if from_file else "."),
        found=reason or str(error),
        expected="text with one event a line, plain or gzip",
        meaning=f"{from_file} events of this file were read before, {in_all} in all",
    )
