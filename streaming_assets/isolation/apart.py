"""A thread in which the code of one plugin runs, and that is left behind where it does not come back.

Python can't end a thread. But who waits for one can stop waiting, tell where it is, and go on; and as Ctrl-C always
interrupts the main thread, it ends the wait, whatever the plugin does.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, TypeVar, cast

from streaming_assets.isolation.exits import RUNNING, EndedProcess, forget_guard, guard_exits
from streaming_assets.isolation.frames import innermost, of_thread

TOLD_SECONDS = 10.0
"""A plugin that takes longer than this is named to whoever watches."""

_LOOK_SECONDS = 0.1
_SAMPLE_SECONDS = 0.05

_logger = logging.getLogger("streaming_assets.isolation")

T = TypeVar("T")


class Hung(Exception):
    """The code did not come back in time."""

    def __init__(self, seconds: float, place: str) -> None:
        """Tell for how long it was waited for, and where the code is."""
        self.place = place
        super().__init__(f"no end after {seconds:g} seconds, at {place}")


class Stopped(Exception):
    """Nobody waits any more, as all work is to stop."""


class Escaped(Exception):
    """The code raised what would end a process, such as SystemExit; that is the `__cause__`."""


class _LeftBehind(SystemExit):
    """Raised in a thread that nobody waits for any more; a thread ends with it without a word."""


@dataclass
class _Task:
    function: Callable[[], Any]
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    done: threading.Event = field(default_factory=threading.Event)
    result: Any = None
    error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self.context.run(self.function)
        except BaseException as error:  # noqa: BLE001 - it is raised again where the result is waited for
            self.error = error
            if isinstance(error, EndedProcess):
                forget_guard(error)
        finally:
            self.done.set()


class Apart:
    """Runs code of a plugin, call by call, in the same thread, as what it opens may belong to the thread."""

    def __init__(self, what: str, package: str) -> None:
        """Remember whose code it is; the thread starts with the first call.

        Args:
            what: What is waited for, in words: `the producer of orders`.
            package: Name of the plugin's package or of something in it, whose line is told where the code hangs.
        """
        self._what = what
        self._package = re.split(r"[.:]", package.strip(), maxsplit=1)[0].strip()
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def call(
        self,
        function: Callable[[], T],
        *,
        limit: float | None = None,
        stop: threading.Event | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> T:
        """Run a function and wait for what it returns; what it raises is raised.

        Args:
            function: The code.
            limit: Seconds to wait; None waits for ever.
            stop: Ends the wait soon after it is set.
            tell: Told once if the wait is long; None tells the log.

        Raises:
            Hung: It did not come back in time. The next call has a new thread.
            Stopped: `stop` was set; likewise.
            Escaped: It raised SystemExit, KeyboardInterrupt or the like, or called what ends a process.
        """
        task = _Task(function)
        thread = self._started()
        self._tasks.put(task)
        try:
            self._wait(task, thread, limit, stop, tell or _warn)
        except (Hung, Stopped):
            self._leave_behind(thread)
            raise
        except BaseException:
            self.end()  # it was interrupted: the process ends, and with it the thread, whatever that does
            raise
        if task.error is None:
            return cast(T, task.result)
        if isinstance(task.error, Exception):
            raise task.error
        raise Escaped(described(task.error)) from task.error

    def end(self) -> None:
        """Let the thread end once it has nothing more to do."""
        if self._thread is not None:
            self._tasks.put(None)
            self._thread = None

    def _started(self) -> threading.Thread:
        if self._thread is None:
            guard_exits()
            self._tasks = SimpleQueue()
            # A daemon, as are the threads that the code itself starts: none of them keeps the process from ending.
            self._thread = threading.Thread(target=_run, args=(self._tasks,), name=self._what, daemon=True)
            self._thread.start()
        return self._thread

    def _wait(
        self,
        task: _Task,
        thread: threading.Thread,
        limit: float | None,
        stop: threading.Event | None,
        tell: Callable[[str], None],
    ) -> None:
        began, told = time.monotonic(), False
        while not task.done.wait(_LOOK_SECONDS if limit is None else min(_LOOK_SECONDS, limit)):
            waited = time.monotonic() - began
            if stop is not None and stop.is_set():
                raise Stopped
            if limit is not None and waited >= limit:
                raise Hung(limit, self._place(thread))
            if waited >= TOLD_SECONDS and not told:
                told = True
                tell(f"{self._what} has not come back for {waited:.0f} seconds, at {self._place(thread)}")

    def _leave_behind(self, thread: threading.Thread) -> None:
        computes = _computes(thread)
        self.end()  # once it does come back
        if computes:
            # Ends a loop of Python code, which would take a share of the processor for ever. What waits stays: Python
            # 3.11 would look for the exception without end, and hang where it is profiled, until that wait is over.
            identity = ctypes.c_ulong(thread.ident or 0)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, ctypes.py_object(_LeftBehind))

    def _place(self, thread: threading.Thread) -> str:
        """Say at which line the thread is: the innermost one of the plugin, if there is one."""
        spot = innermost(of_thread(thread), self._package)
        return "a place that can't be told" if spot is None else f"{spot[0].f_code.co_filename}, line {spot[1]}"


def described(error: BaseException) -> str:
    """Return what a plugin raised, in one line: its kind and its text."""
    text = text_of(error)
    if isinstance(error, Escaped):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def text_of(error: BaseException) -> str:
    """Return the text of what a plugin raised, which may itself raise."""
    try:
        return str(error)
    except BaseException:  # noqa: BLE001 - the exception is the plugin's own, and so is its text
        return "a text that can't be shown"


def _computes(thread: threading.Thread) -> bool:
    """Tell whether a thread, which has to be alive, takes processor time; False where the system does not tell."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return False
    clock = time.pthread_getcpuclockid(thread.ident or 0)
    before = time.clock_gettime(clock)
    time.sleep(_SAMPLE_SECONDS)
    return time.clock_gettime(clock) - before > _SAMPLE_SECONDS / 10


def _run(tasks: SimpleQueue[_Task | None]) -> None:
    RUNNING.add(threading.get_ident())
    try:
        with contextlib.suppress(_LeftBehind):
            while (task := tasks.get()) is not None:
                task.run()
    finally:
        RUNNING.discard(threading.get_ident())


def _warn(text: str) -> None:
    _logger.warning("%s", text)
