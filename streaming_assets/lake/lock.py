"""One process at a time works on a source, of those that share a home.

Commits are safe without it, as tables are fenced; for them it only saves wasted work. Two things are not safe: vacuum,
which deletes uncommitted files older than the retention, and the staging of a rebuild. Homes that share a lake have no
common lock, so run maintenance and rebuilds from one home per lake.

Whoever waits holds the gate meanwhile. So a loop that takes the lock again as soon as it has released it comes
after those who wait, and maintenance gets its turn beside a stream.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from streaming_assets.errors import TableBusy
from streaming_assets.settings import unusable_home


@contextmanager
def source_lock(
    home: Path, source: str, *, timeout: float, on_wait: Callable[[], None] | None = None
) -> Iterator[None]:
    """Hold the source's lock; the operating system releases it when the process ends, however it ends.

    Args:
        home: Folder of all state.
        source: Name of the source.
        timeout: Seconds to wait for another holder.
        on_wait: Called once if the lock is held by somebody else.

    Raises:
        TableBusy: The other holder did not finish in time.
        SettingsError: The folder of all state can't be used.
    """
    lock, gate = (FileLock(home / "locks" / f"{source}.{kind}") for kind in ("lock", "gate"))
    try:
        _acquire(lock, gate, timeout, on_wait)
    except Timeout:
        raise TableBusy(
            f"Another process is working on {source}.",
            found=f"its lock was held for {timeout:g} seconds",
            meaning="nothing was written by this process",
            remedy="wait for it to finish, or raise STREAMING_ASSETS_LOCK_TIMEOUT_SECONDS",
        ) from None
    except OSError as error:
        raise unusable_home(home, error) from error
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, gate: FileLock, timeout: float, on_wait: Callable[[], None] | None) -> None:
    Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
    try:
        _through(gate, lock, 0)
    except Timeout:
        if on_wait is not None:
            on_wait()
        _through(gate, lock, timeout)


def _through(gate: FileLock, lock: FileLock, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    with gate.acquire(timeout=timeout):
        lock.acquire(timeout=max(0.0, deadline - time.monotonic()))
