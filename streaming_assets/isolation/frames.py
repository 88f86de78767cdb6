"""Where code of a plugin is, or was when it raised: the innermost of its own frames."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from traceback import walk_stack, walk_tb
from types import FrameType

Spot = tuple[FrameType, int]
"""A frame, and the line that it is at."""


def of_thread(thread: threading.Thread) -> list[Spot]:
    """Return the frames of a thread, innermost first; none where it has ended."""
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - documented, and the one way to see them
    return [] if frame is None else list(walk_stack(frame))


def of_error(error: BaseException) -> list[Spot]:
    """Return the frames that an error came through, innermost first."""
    return list(walk_tb(error.__traceback__))[::-1]


def innermost(frames: Sequence[Spot], module: str) -> Spot | None:
    """Return the innermost frame of a package; that of all if none is the package's, and None if there is none.

    Args:
        frames: The frames, innermost first.
        module: Name of the package, or of a module of it.
    """
    package = _package(module)
    own = (spot for spot in frames if _package(str(spot[0].f_globals.get("__name__"))) == package)
    return next(own, frames[0] if frames else None)


def _package(module: str) -> str:
    return module.partition(".")[0]
