"""One refresh per source and machine at a time. Tables are fenced besides; this only saves wasted work."""

from __future__ import annotations

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
    lock = FileLock(home / "locks" / f"{source}.lock")
    try:
        _acquire(lock, timeout, on_wait)
    except Timeout:
        raise TableBusy(
            f"Another process refreshes {source}.",
            found=f"its lock was held for {timeout:g} seconds",
            meaning="nothing was written by this process",
            remedy="wait for the other refresh, or raise STREAMING_ASSETS_LOCK_TIMEOUT_SECONDS",
        ) from None
    except OSError as error:
        raise unusable_home(home, error) from error
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, timeout: float, on_wait: Callable[[], None] | None) -> None:
    Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if on_wait is not None:
            on_wait()
        lock.acquire(timeout=timeout)
