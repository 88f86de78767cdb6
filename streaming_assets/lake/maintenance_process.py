"""Maintenance in a process of its own: what it needs, leaks or breaks is gone with it, and ingest goes on.

The process is spawned, not forked (delta-rs panics after a fork), and watched: where it takes more memory than it
may, it is ended. It may be ended at any moment, as each merge is one commit, and what is deleted is needed by nobody.

    python -m streaming_assets.lake.maintenance_process

reads a request (JSON, one line) and writes outcomes, one a line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from io import FileIO, RawIOBase
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import psutil

from streaming_assets import errors
from streaming_assets.errors import EngineError, MaintenanceEnded, StreamingAssetsError
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.maintenance import Maintained, Outcome, maintain_source
from streaming_assets.settings import Settings

_LOOK_SECONDS = 0.1
_LAST_WORDS = 500
_NICE = 5
"""How far the process stands back behind others that want the processor."""

_UNTOUCHED = "every table is whole: a merge is one commit, and only files that nobody needs are deleted"


@dataclass(frozen=True, slots=True)
class _Request:
    tables: list[dict[str, Any]]
    home: str
    lake: str
    retention_hours: float
    lock_timeout: float
    min_files: int


def maintain_apart(tables: Sequence[TableId], settings: Settings, *, min_files: int) -> Iterator[Outcome]:
    """Maintain the tables of one source in another process; see `maintenance.maintain_source`.

    Args:
        tables: The tables.
        settings: Where they lie, how long their files are kept, and how much memory (`memory_limit_mb`) it takes.
        min_files: How many files of about the same size are worth a merge.

    Yields:
        What became of each table, once the process has ended.

    Raises:
        EngineError: It needed more memory than it may take, and was ended.
        MaintenanceEnded: It ended before it was done, for instance as somebody killed it.
    """
    request = _Request(
        tables=[asdict(table) for table in tables],
        home=str(settings.home),
        lake=str(settings.lake_path),
        retention_hours=settings.vacuum_retention_hours,
        lock_timeout=settings.lock_timeout_seconds,
        min_files=min_files,
    )
    with TemporaryFile() as out, TemporaryFile() as err:
        failure = _run(request, settings.memory_limit_mb, out, err)
        out.seek(0)
        yield from map(_outcome, out.read().splitlines())
    if failure is not None:
        raise failure


def _run(request: _Request, memory_limit_mb: int, out: IO[bytes], err: IO[bytes]) -> StreamingAssetsError | None:
    """Run the process to its end; return what is to be told of it."""
    with subprocess.Popen(
        [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=out, stderr=err, start_new_session=True
    ) as process:
        try:
            _send(process, request)
            taken = _watch(process, memory_limit_mb * 2**20)
        finally:
            process.kill()  # where it has ended, this does nothing
    if taken is not None:
        return _too_much(taken, memory_limit_mb)
    if process.returncode == 0:
        return None
    err.seek(0)
    return _ended(process.returncode, err.read().decode("utf-8", "replace").strip())


def _send(process: subprocess.Popen[bytes], request: _Request) -> None:
    if process.stdin is None:
        raise ValueError("the process was started without an input")
    try:
        process.stdin.write(json.dumps(asdict(request)).encode() + b"\n")
        process.stdin.flush()  # and left open: its end tells the process that this one is gone
    except BrokenPipeError:
        return


def _watch(process: subprocess.Popen[bytes], limit: int) -> int | None:
    """Wait for the end of the process; end it where it takes more memory than the limit, and return how much."""
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            taken = int(watched.memory_info().rss)
        except psutil.Error:
            continue
        if taken > limit:
            process.kill()
            return taken
        time.sleep(_LOOK_SECONDS)
    return None


def _too_much(taken: int, limit_mb: int) -> EngineError:
    return EngineError(
        "Maintenance needed more memory than it may take.",
        found=f"{taken // 2**20} MiB",
        expected=f"at most {limit_mb} MiB",
        meaning=_UNTOUCHED,
        remedy="set STREAMING_ASSETS_MEMORY_LIMIT_MB higher; until then small files stay as they are",
    )


def _ended(code: int, words: str) -> MaintenanceEnded:
    how = f"it was ended by signal {-code}" if code < 0 else f"exit code {code}"
    return MaintenanceEnded(
        "Maintenance ended before it was done.",
        found=f"{how}\n{words[-_LAST_WORDS:]}".strip(),
        meaning=_UNTOUCHED,
        remedy="nothing needs to be mended: the next maintenance goes on where this one ended",
    )


def _outcome(line: bytes) -> Outcome:
    told = json.loads(line)
    table = TableId(**told["table"])
    done = Maintained(**{**told["done"], "table": table}) if told["done"] else None
    return Outcome(table, done, errors.restored(told["error"]) if told["error"] else None)


def _told(outcome: Outcome) -> dict[str, Any]:
    error = outcome.error
    return {
        "table": asdict(outcome.table),
        "done": asdict(outcome.done) if outcome.done else None,
        "error": errors.told(error) if error else None,
    }


def _end_with_starter(pipe: RawIOBase) -> None:
    pipe.read()  # nobody writes any more: this is the end of the pipe, and of whoever started us
    os._exit(1)


def main() -> None:
    """Do what the request on standard input says."""
    # Not through `sys.stdin`, whose lock Python wants at its end, when the thread below still waits in it.
    pipe = FileIO(sys.stdin.fileno(), closefd=False)
    request = _Request(**json.loads(pipe.readline()))
    threading.Thread(target=_end_with_starter, args=(pipe,), daemon=True).start()
    os.nice(_NICE)
    for outcome in maintain_source(
        [TableId(**table) for table in request.tables],
        Path(request.home),
        Path(request.lake),
        retention_hours=request.retention_hours,
        lock_timeout=request.lock_timeout,
        min_files=request.min_files,
    ):
        sys.stdout.write(json.dumps(_told(outcome)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
