"""Ctrl-C at any moment: it is noted, since libraries in C turn the KeyboardInterrupt into errors of their own."""

from __future__ import annotations

import signal
import sys
from types import FrameType

_AGAIN_SECONDS = 0.05

_noted: list[int] = []


def note_interrupts() -> None:
    """From now on note every SIGINT, besides raising KeyboardInterrupt; where SIGINT is ignored, it stays so."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        return
    for number in (signal.SIGINT, signal.SIGALRM):
        signal.signal(number, _interrupt)
    sys.unraisablehook = _again


def interrupted() -> bool:
    """Tell whether Ctrl-C was pressed."""
    return bool(_noted)


def check_interrupt() -> None:
    """Go no further after Ctrl-C, whatever a library has made of it.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    if _noted:
        raise KeyboardInterrupt


def _interrupt(number: int, _frame: FrameType | None) -> None:
    if number == signal.SIGALRM and not _noted:
        return  # a plugin set it, and not `_again`
    _noted.append(number)
    raise KeyboardInterrupt


def _again(lost: sys.UnraisableHookArgs) -> None:
    """Interrupt again in a moment where it was raised in a callback, which drops exceptions; imports have many."""
    if issubclass(lost.exc_type, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
    else:
        sys.__unraisablehook__(lost)
