"""Calls that end a process at once, kept from the code of plugins."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from typing import Any

RUNNING: set[int] = set()
"""The threads in which code of plugins runs."""

_PROCESS_ENDS = ("_exit", "abort")

_guarding = threading.Lock()


class EndedProcess(BaseException):
    """A plugin called what ends a process; it passes through `except Exception`, as an end would."""


def guard_exits() -> None:
    """From now on, `os._exit` and `os.abort` raise where a plugin calls them, and do for all others what they did.

    What native code does, and a signal that a process sends itself, can't be kept from it.
    """
    with _guarding:
        for name in _PROCESS_ENDS:
            original = getattr(os, name)
            if not hasattr(original, "__wrapped__"):
                setattr(os, name, _guarded(original, name, os.getpid()))


def forget_guard(error: EndedProcess) -> None:
    """Let the call that a plugin made be the last line of the stack, which is shown as where it failed."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        if trace.tb_next.tb_next is None:
            trace.tb_next = None
        else:
            trace = trace.tb_next


def _guarded(original: Callable[..., Any], name: str, process: int) -> Callable[..., Any]:
    @functools.wraps(original)
    def end(*arguments: Any, **named: Any) -> Any:
        if threading.get_ident() in RUNNING and os.getpid() == process:  # a process that it forked may end
            raise EndedProcess(f"os.{name}({', '.join(map(repr, [*arguments, *named.values()]))})")
        return original(*arguments, **named)

    return end
