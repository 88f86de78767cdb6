"""The moments at which a process is killed, and the plan that has every one of them."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

from killing.processes import Ended, Process, wait_for

POINTS = (
    "kafka.polled",
    *(f"{layer}.{step}" for layer in ("bronze", "quarantine", "silver", "gold")
      for step in ("computed", "written", "committed")),
)  # fmt: skip
"""Fault points of a refresh, as `streaming_assets.faults` names them; every point there is in one of these three, or a
test kills at it (`tests/benchmarks/test_kill.py`)."""

MAINTENANCE_POINTS = ("compact.begin", "compact.done", "vacuum.done")
"""Fault points of maintenance."""

REBUILD_POINTS = (("rebuild.staged", 1), ("rebuild.linked", 1), ("rebuild.swapped", 1), ("rebuild.swapped", 2))
"""Fault points of a rebuild of Silver and quarantine, each with the hit at which it is reached."""

LAYERS = ("bronze", "silver", "quarantine", "gold")

HITS = 3
"""The process is killed the first, second or third time that it reaches a point."""

GOLD_TABLES = 3
"""Both sources have as many, so the process is held after the commit of the last one until it is killed."""

_LOOK_SECONDS = 0.0005
_HOLD = f"gold.committed@{GOLD_TABLES}=delay:600"


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment at which a process is killed."""

    kind: str
    """Of a refresh: `point`, `file` (a data file is there, the commit is not) or `random`. Of others: `rebuild`,
    `maintain`, `producer`."""
    where: str = ""
    """The fault point, or the layer."""
    hit: int = 1
    """How often it is reached, or a file is seen, until the process is killed."""

    @property
    def name(self) -> str:
        """Name for people."""
        return {"file": f"{self.where}: file is there", "random": "random moment", "producer": "the producer"}.get(
            self.kind, self.where
        )

    @property
    def fault(self) -> str:
        """What `STREAMING_ASSETS_FAULT` is set to: what kills it, or what keeps it from ending before it is killed."""
        return f"{self.where}@{self.hit}=kill" if self.kind in {"point", "rebuild", "maintain"} else _HOLD


def plan(kills: int, chance: random.Random) -> list[Moment]:
    """Return the moments of one source: all points, then other moments, and again with other hits, in random order."""
    moments: list[Moment] = []
    for lap in range(kills):
        hit = lap % HITS
        moments += [Moment("point", point, 1 + (hit + place) % HITS) for place, point in enumerate(POINTS)]
        moments += [Moment("maintain", point, 1 + hit) for point in MAINTENANCE_POINTS]
        moments.append(Moment("rebuild", *REBUILD_POINTS[lap % len(REBUILD_POINTS)]))
        moments += [Moment("random"), Moment("random"), Moment("producer"), Moment("file", LAYERS[lap % len(LAYERS)])]
        if len(moments) >= kills:
            break
    del moments[kills:]
    chance.shuffle(moments)
    return moments


def wait_for_work(process: Process, source: str) -> None:
    """Wait until a process has its imports behind it and works on the source: it has opened the source's lock.

    Raises:
        Ended: It ended before.
    """
    wait_for(f"work of {process.name}", lambda: process.has_open(f"{source}.lock") or process.code is not None)
    if process.code is not None:
        raise Ended(f"{process.name} ended with {process.code} before it worked: {process.expect()}")


class NewFiles:
    """The data files of a layer that came since this was made."""

    def __init__(self, layer: Path) -> None:
        """Look at the tables in the layer's folder."""
        self._layer = layer
        self._stamps = {folder: folder.stat().st_mtime_ns for folder in self._folders()}
        self._known = {folder: set(_data_files(folder)) for folder in self._stamps}

    def wait(self, count: int, process: Process) -> None:
        """Wait until so many files have come, or the process has ended."""
        while process.code is None and self._count() < count:
            time.sleep(_LOOK_SECONDS)

    def _count(self) -> int:
        changed = [folder for folder in self._folders() if folder.stat().st_mtime_ns != self._stamps.get(folder)]
        return sum(len(set(_data_files(folder)) - self._known.get(folder, set())) for folder in changed)

    def _folders(self) -> list[Path]:
        """Return the layer's folder, and those of its partitions or tables."""
        with os.scandir(self._layer) as entries:
            inside = [Path(each.path) for each in entries if each.is_dir() and each.name != "_delta_log"]
        return [self._layer, *inside]


def _data_files(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.endswith(".parquet")]  # noqa: PTH208 - a poll has to be quick
