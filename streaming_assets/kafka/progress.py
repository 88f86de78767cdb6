"""How a download is shown: a bar on a terminal, or else a line now and then to whoever asks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

_REPORT_SECONDS = 0.5
_TITLE = "Downloading Apache Kafka, once"


@dataclass(frozen=True, slots=True)
class Fetched:
    """How far a download is."""

    jars: int
    """Number of jars that are there."""
    total: int
    """Number of jars in all; 0 as long as it is looked up what there is to fetch."""
    size: int
    """Bytes that came."""

    def __str__(self) -> str:
        step = f"{self.jars} of {self.total} jars" if self.total else "looking up what it consists of"
        return f"{step}, {self.size / 1e6:.1f} MB"


class Counter:
    """Counts jars and bytes, from any thread, and passes on every change."""

    def __init__(self, show: Callable[[Fetched], None]) -> None:
        self._show = show
        self._lock = Lock()
        self._fetched = Fetched(0, 0, 0)

    @contextmanager
    def file(self, _name: str, _size: int) -> Iterator[Callable[[int], None]]:
        """Let jgo count the bytes of one file as they come."""
        yield self._add

    def jars(self, done: int, total: int) -> None:
        """Note that `done` of `total` jars are there."""
        with self._lock:
            self._fetched = Fetched(done, total, self._fetched.size)
            self._show(self._fetched)

    def _add(self, count: int) -> None:
        with self._lock:
            self._fetched = Fetched(self._fetched.jars, self._fetched.total, self._fetched.size + count)
            self._show(self._fetched)


@contextmanager
def display(on_progress: Callable[[str], None] | None) -> Iterator[Callable[[Fetched], None]]:
    """Give what shows the state of a download.

    Args:
        on_progress: Told in words at most twice a second where standard error is no terminal; None for nobody.
    """
    if sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _Lines(on_progress) if on_progress is not None else lambda _fetched: None


@contextmanager
def _bar() -> Iterator[Callable[[Fetched], None]]:
    columns = (SpinnerColumn(), TextColumn(_TITLE), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=None)  # a bar without an end until the jars are counted

        def show(fetched: Fetched) -> None:
            progress.update(task, completed=fetched.jars, total=fetched.total or None, description=str(fetched))

        yield show


class _Lines:
    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told = 0.0

    def __call__(self, fetched: Fetched) -> None:
        now = time.monotonic()
        if now - self._told >= _REPORT_SECONDS or (fetched.total and fetched.jars == fetched.total):
            self._told = now
            self._tell(f"{_TITLE}: {fetched}")
