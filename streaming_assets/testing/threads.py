"""Threads that a producer leaves: a program that has one that is no daemon does not end."""

from __future__ import annotations

import concurrent.futures.thread
import sys
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from typing import cast

from streaming_assets.isolation.frames import innermost, of_thread
from streaming_assets.testing.watching import place

_ENDING_SECONDS = 2.0


_INHERITED = type("Inherited", (int,), {})(True)
"""True, as what a new thread takes after its parent; another value stands there once its creator has said so."""


class AskingThread(threading.Thread):
    """A daemon that knows which threads would be none if it were none.

    Threads take after the one that starts them, and that is the main thread where a program produces. Here it is a
    daemon, so that whatever a producer leaves does not keep its test from ending.
    """

    kept: tuple[threading.Thread, ...] = ()
    """Threads that took after this one."""

    @property
    def daemon(self) -> bool:  # type: ignore[override]  # nobody sets that of this thread
        """Whether this is a daemon; `Thread.__init__` asks for it where its caller said nothing of the new thread."""
        new = sys._getframe(1).f_locals.get("self")  # noqa: SLF001 - nothing public tells them
        if isinstance(new, threading.Thread) and new is not self:
            self.kept += (new,)
            return cast(bool, _INHERITED)
        return super().daemon


def threads_left(threads: Sequence[threading.Thread], module: str) -> Iterator[str]:
    """Yield which threads go on though their producer is closed; those of pools, which Python ends itself, may.

    Args:
        threads: Threads that the producer started.
        module: A module of its package.
    """
    pooled: Collection[threading.Thread] = getattr(concurrent.futures.thread, "_threads_queues", ())
    until = time.monotonic() + _ENDING_SECONDS
    for thread in threads:
        if thread in pooled or thread.daemon is not _INHERITED or not thread.is_alive():
            continue
        thread.join(max(0.0, until - time.monotonic()))
        if thread.is_alive():
            where = place(innermost(of_thread(thread), module))
            yield f"close() left the thread {thread.name!r} running, with which no program ends: it is in {where}"
