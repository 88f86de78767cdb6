"""Whether code waits: every call of a C function is seen by the interpreter's profiling hook.

`sys.setprofile` reports calls of functions written in C too (`c_call`, `c_return`), with the function itself, so that
`time.sleep` is seen whoever calls it and under whatever name it was imported.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from traceback import walk_stack
from types import FrameType
from typing import Any, Self

from streaming_assets.isolation.frames import Spot, innermost

_LOCKS = frozenset({"lock", "RLock", "SimpleQueue"})
_LOCK_SECONDS = 0.5
_ANSWER_SECONDS = 5.0
_POOLS = ("concurrent.futures", "multiprocessing.pool")
_SIGNALS: frozenset[Callable[..., Any]] = frozenset(
    getattr(signal, name) for name in ("pause", "sigwait", "sigwaitinfo", "sigtimedwait") if hasattr(signal, name)
)


@dataclass(frozen=True, slots=True)
class Wait:
    """One wait."""

    what: str
    """The function that waited."""
    seconds: float | None
    """For how long; None where any is too long."""
    where: str
    """File, line and function."""

    def __str__(self) -> str:
        if self.seconds is None:
            return f"called {self.what} in {self.where}"
        return f"waited {self.seconds:.1f} seconds by {self.what} in {self.where}"


class Watch:
    """Notes, while it is entered, where this thread waits.

    `time.sleep` and `asyncio.sleep` are noted whenever they are called, but by `subprocess`, which waits so for a
    program that may take a limited time. A lock, an event, a queue or a signal that is
    waited for is noted from half a second on. Whatever else keeps the thread while the process computes nothing - a
    server, a pipe, another process, a pool of threads that asks servers - is noted from five seconds on: an answer
    takes its time.
    """

    def __init__(self, module: str) -> None:
        """Watch the code of a package.

        Args:
            module: A module of the package whose line is named.
        """
        self.waits: list[Wait] = []
        self._module = module
        self._begun = self._computed = 0.0

    def __enter__(self) -> Self:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call":
            self._begun, self._computed = time.monotonic(), time.process_time()
            if function is time.sleep and frame.f_globals.get("__name__") != "subprocess":
                self._add("time.sleep", None, frame)
        elif event in {"c_return", "c_exception"}:
            if time.monotonic() - self._begun > _LOCK_SECONDS:
                self._returned(frame, function)
        elif frame.f_code is asyncio.sleep.__code__ and frame.f_locals["delay"] > 0:
            self._add("asyncio.sleep", None, frame)

    def _returned(self, frame: FrameType, function: Any) -> None:
        """Note a long call, but for the time in which the process, in whatever thread, computed."""
        computed = time.process_time() - self._computed
        seconds = time.monotonic() - self._begun - computed
        if seconds > _patience(function, frame):
            self._add(getattr(function, "__qualname__", "a C function"), seconds, frame)

    def _add(self, what: str, seconds: float | None, frame: FrameType) -> None:
        self.waits.append(Wait(what, seconds, place(innermost(list(walk_stack(frame)), self._module))))


def _patience(function: Any, frame: FrameType) -> float:
    """Return for how many seconds a function may wait."""
    kind = type(getattr(function, "__self__", None)).__name__
    if function in _SIGNALS or (kind in _LOCKS and not _of_a_pool(frame)):
        return _LOCK_SECONDS
    return _ANSWER_SECONDS


def _of_a_pool(frame: FrameType | None) -> bool:
    """Tell whether a lock is waited for on behalf of a pool, whose threads may ask servers."""
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith(_POOLS):
            return True
        frame = frame.f_back
    return False


def place(found: Spot | None) -> str:
    """Write where a frame is: file, line and function."""
    if found is None:
        return "an unknown place"
    frame, line = found
    return f"{Path(frame.f_code.co_filename).name}:{line} ({frame.f_code.co_qualname})"
