"""What belongs to the whole process, and so to all sources: kept as it is while a plugin's code runs."""

from __future__ import annotations

import contextlib
import gc
import locale
import logging
import os
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

_OURS = "STREAMING_ASSETS_"

_SOON = 0.001
"""Seconds after which a timer goes off that should have done so meanwhile."""

_SLACK = 0.05
"""Seconds by which a timer that nobody touched may seem to be another one."""

_Restore = Callable[[], None]


@contextlib.contextmanager
def kept_state() -> Iterator[None]:
    """Put back afterwards what the code inside changes of its process, and let it print to standard error.

    That is the working directory, variables that were there before or are ours, the search path's order, standard
    streams, warnings, logging's root, locale, timers, and limits of the interpreter. What it adds stays: a new
    variable, or a new folder to import from, may be needed later on, by it alone.
    """
    restore = _all_of((*_SHARED, _streams))
    try:
        with contextlib.redirect_stdout(sys.stderr):  # a program may read standard output
            yield
    finally:
        restore()


def keep_shared() -> Callable[[], None]:
    """Return what puts back that part of the state which no thread of ours changes, for code beside other code.

    That is all that `kept_state` puts back but standard streams, which progress on a terminal takes for a time.
    """
    return _all_of(_SHARED)


def _all_of(kept: Iterable[Callable[[], _Restore]]) -> _Restore:
    restores = [keep() for keep in kept]

    def restore_all() -> None:
        for restore in restores:
            with contextlib.suppress(Exception):  # a working directory may be gone: the others are put back
                restore()

    return restore_all


def _folder() -> _Restore:
    try:
        before = os.getcwd()  # noqa: PTH109 - as text, which is all that is needed
    except OSError:
        return lambda: None
    return lambda: os.chdir(before)


def _variables() -> _Restore:
    before = dict(os.environ)

    def restore() -> None:
        if os.environ == before:
            return
        for name in [each for each in os.environ if _is_shared(each) and each not in before]:
            del os.environ[name]
        os.environ.update(before)
        time.tzset()

    return restore


def _is_shared(variable: str) -> bool:
    """Tell whether all sources are meant by a variable, so that none may set it."""
    return variable.upper().startswith(_OURS) or variable == "TZ"


def _search_path() -> _Restore:
    path, before = sys.path, list(sys.path)

    def restore() -> None:
        added = [each for each in sys.path if each not in before]
        sys.path = path
        sys.path[:] = [*before, *added]

    return restore


def _streams() -> _Restore:
    names = ("stdin", "stdout", "stderr", "excepthook", "unraisablehook", "displayhook")
    before = {name: getattr(sys, name) for name in names}

    def restore() -> None:
        for name, value in before.items():
            setattr(sys, name, value)

    return restore


def _warnings() -> _Restore:
    filters = cast(list[Any], warnings.filters)
    before, shown = list(filters), warnings.showwarning

    def restore() -> None:
        warnings.showwarning = shown
        if warnings.filters is filters and filters == before:
            return
        # In place: the interpreter keeps the list that it looked at last, and looks at no other one when it ends.
        warnings.resetwarnings()
        filters[:] = before
        warnings.filters = filters

    return restore


def _logs() -> _Restore:
    root = logging.getLogger()
    level, handlers, disabled = root.level, list(root.handlers), root.manager.disable
    loggers = list(root.manager.loggerDict.values())  # another thread may add one meanwhile
    enabled = [each for each in loggers if isinstance(each, logging.Logger) and not each.disabled]

    def restore() -> None:
        root.handlers[:] = handlers
        root.setLevel(level)
        root.manager.disable = disabled
        for logger in (root, *enabled):
            logger.disabled = False

    return restore


def _words() -> _Restore:
    before = locale.setlocale(locale.LC_ALL)

    def restore() -> None:
        if locale.setlocale(locale.LC_ALL) != before:
            locale.setlocale(locale.LC_ALL, before)

    return restore


def _timer() -> _Restore:
    (seconds, interval), began = signal.getitimer(signal.ITIMER_REAL), time.monotonic()
    due = began + seconds if seconds else None

    def restore() -> None:
        nonlocal due
        now, every = signal.getitimer(signal.ITIMER_REAL)  # 0 stands for no timer
        if due is None:
            if now:
                signal.setitimer(signal.ITIMER_REAL, 0)
            return
        left = due - time.monotonic()
        if interval:
            left %= interval
        elif left <= 0:
            due = None  # it went off, or does so now where the code had put another one in its place
            if now:
                signal.setitimer(signal.ITIMER_REAL, _SOON)
            return
        if every != interval or abs(now - left) > _SLACK:
            signal.setitimer(signal.ITIMER_REAL, max(left, _SOON), interval)

    return restore


def _clocks() -> _Restore:
    """Keep the timers that count processor time: nobody waits for their signals, which end a process."""
    before = {kind: signal.getitimer(kind) for kind in (signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)}

    def restore() -> None:
        for kind, (seconds, _) in before.items():
            if not seconds and signal.getitimer(kind)[0]:
                signal.setitimer(kind, 0)

    return restore


def _limits() -> _Restore:
    recursion, switch, timeout, collecting = (
        sys.getrecursionlimit(),
        sys.getswitchinterval(),
        socket.getdefaulttimeout(),
        gc.isenabled(),
    )
    mask = os.umask(0o022)
    os.umask(mask)

    def restore() -> None:
        sys.setrecursionlimit(recursion)
        sys.setswitchinterval(switch)
        socket.setdefaulttimeout(timeout)
        os.umask(mask)
        (gc.enable if collecting else gc.disable)()

    return restore


_SHARED = (_folder, _variables, _search_path, _warnings, _logs, _words, _timer, _clocks, _limits)
