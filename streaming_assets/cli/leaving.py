"""The end of a command: it does not wait for threads that a plugin left."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Collection
from contextlib import suppress

_PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 0.5


def leave(code: int) -> None:
    """End the process in some seconds if it has not ended by then, for Python waits for threads without end.

    Call it when all work is done.

    Args:
        code: The exit code.
    """
    threading.Thread(target=_end, args=(code,), name="end of the command", daemon=True).start()


def _end(code: int) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until or not (left := _awaited()):
        time.sleep(_LOOK_SECONDS)
    with suppress(OSError, ValueError):  # who read them may be gone
        print(f"note ended without waiting for threads that go on: {', '.join(left)}", file=sys.stderr)  # noqa: T201
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _awaited() -> list[str]:
    """Return the names of the threads that Python waits for at its end: no daemons, and those of pools."""
    pooled: Collection[object] = getattr(sys.modules.get("concurrent.futures.thread"), "_threads_queues", ())
    others = [each for each in threading.enumerate() if each is not threading.main_thread()]
    return [each.name for each in others if not each.daemon or each in pooled]
