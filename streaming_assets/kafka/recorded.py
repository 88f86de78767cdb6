"""Recorded files as a producer: one event a line, byte for byte."""

from __future__ import annotations

import errno
import gzip
import io
import os
import zlib
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from streaming_assets.contract import Batch, Event
from streaming_assets.errors import ReplayError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

LONGEST_LINE = 64 * 2**20
"""A longer line is taken for a file that does not consist of events, in bytes."""

_BATCH_EVENTS = 10_000
_BATCH_BYTES = 8 * 2**20
_BUFFER_BYTES = 2**16
_GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952, 2.3.1


class FileReplay:
    r"""Produces the lines of recorded files or pipes, plain or gzip, one after the other.

    An event is what stands between two `\n`: a `\r` belongs to it, malformed or empty lines are events too, and
    the `\n` at the end of the file begins no further one. Whether a file is compressed is told by its first bytes.
    Damage inside of a compressed file shows where it can't be unpacked, at the latest by the checksum at its end.

    A pipe (`/dev/stdin`, a named one, a shell's `<(…)`) is opened once, when it is its turn: what was read from it
    is gone, and whoever fills two of them may not begin with the second before the first was read.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        """Look whether every file is there and can be read, before the first event of any is produced.

        Raises:
            ReplayError: One can't.
        """
        for path in paths:
            try:
                _check(path)
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


class _Stream(io.FileIO):
    """A file or pipe whose first read gives two bytes where there are two: a pipe may bring them one by one."""

    _begun = False

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        count = super().readinto(buffer)
        if count == 1 and not self._begun:
            count += super().readinto(memoryview(buffer)[1:])
        self._begun = True
        return count


def _lines(path: Path) -> Iterator[bytes]:
    with io.BufferedReader(_Stream(path), _BUFFER_BYTES) as file:
        compressed = file.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
        lines = gzip.GzipFile(fileobj=file) if compressed else file
        while line := lines.readline(LONGEST_LINE + 1):
            if len(line) > LONGEST_LINE:
                raise _LineTooLong
            yield line.removesuffix(b"\n")


def _check(path: Path) -> None:
    """Open what can be opened again; a pipe is only asked for."""
    if path.is_file() or path.is_dir():
        path.open("rb").close()
    elif not os.access(path, os.R_OK):
        path.stat()  # says whether it is missing
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def _unreadable(path: Path, error: Exception, from_file: int, in_all: int) -> ReplayError:
    reason = error.strerror if isinstance(error, OSError) else None
    return ReplayError(
        f"The file {path} can't be read" + (" to its end." if from_file else "."),
        found=reason or str(error),
        expected="text with one event a line, plain or gzip",
        meaning=f"{from_file} events of this file were read before, {in_all} in all",
        remedy="fix the file or leave it out; what was delivered before stays delivered",
    )
