"""The log of a hire scheme: a file that grows by a line for each event, and is replaced from time to time."""

from __future__ import annotations

import errno
import os
from io import FileIO
from pathlib import Path

from streaming_assets import Batch, Event

CHUNK_BYTES = 2**20
"""Most bytes that are read in one call."""

POLL_SECONDS = 1.0
MISSING_SECONDS = 10.0


class LogFile:
    """A `Producer` that follows a file, as `tail -F` does; every line is an event, as it stands there.

    It begins with the first line, each time it is started: events that come twice have the same id, and Silver keeps
    one. A line counts once its end is written. Where the file was replaced or cut, it begins again.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None
        self._unfinished = b""

    def next_batch(self) -> Batch:
        """Return the lines that were written since the last call."""
        try:
            chunk = self._read()
        except OSError as error:
            self.close()
            note = f"{self._path} can't be read ({error.strerror}); next look in {MISSING_SECONDS:.0f} s"
            return Batch(events=[], poll_after=MISSING_SECONDS, note=note)
        *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
        events = [Event(value=line) for line in lines if line.strip()]
        return Batch(events=events, poll_after=0.0 if chunk else POLL_SECONDS)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._file = None
        self._unfinished = b""

    def _read(self) -> bytes:
        """Return what comes next; of a file that was replaced, first what was still to be read."""
        if self._file is None:
            self._file = self._open()
        if chunk := self._file.read(CHUNK_BYTES):
            return chunk
        if not self._is_replaced(self._file):
            return b""
        if chunk := self._file.read(CHUNK_BYTES):  # written between the two looks
            return chunk
        self.close()
        self._file = self._open()
        return self._file.read(CHUNK_BYTES)

    def _open(self) -> FileIO:
        if not self._path.is_file():  # to open a named pipe would wait for its writer
            raise FileNotFoundError(errno.ENOENT, "there is no such file")
        return FileIO(self._path)

    def _is_replaced(self, file: FileIO) -> bool:
        now, ours = self._path.stat(), os.fstat(file.fileno())
        return (now.st_dev, now.st_ino) != (ours.st_dev, ours.st_ino) or now.st_size < file.tell()
