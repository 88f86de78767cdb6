"""Fault points: named moments at which a test ends, stops or slows a process, to prove that nothing is lost.

`STREAMING_ASSETS_FAULT` arms them, as `NAME[@HIT]=ACTION`, several joined by commas:

    STREAMING_ASSETS_FAULT="bronze.written@2=kill"      SIGKILL when Bronze's second batch is written, not committed
    STREAMING_ASSETS_FAULT="gold.committed=raise"       an error after the first commit of a Gold table
    STREAMING_ASSETS_FAULT="kafka.polled=delay:0.5"     half a second before every chunk of records

Without `@HIT` a point that kills or raises does so the first time, and one that delays, every time. Where
nothing is armed, a point costs one look into the environment and an empty dictionary: less than a microsecond.

At `written` the files that are full lie in the table's folder, and no commit names them. The last file is finished
and the commit made in one call of delta-rs, during which no code of ours runs; `benchmarks/kill.py` kills between
the two from outside, when it sees the file.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from streaming_assets.errors import Fault, SettingsError

VARIABLE = "STREAMING_ASSETS_FAULT"

POINTS: Mapping[str, str] = {
    "kafka.polled": "a chunk of records came from Kafka",
    **{
        f"{layer}.{moment}": meaning
        for layer in ("bronze", "quarantine", "silver", "gold")
        for moment, meaning in (
            ("computed", "rows are there, nothing is written"),
            ("written", "the writer has all rows, nothing is committed"),
            ("committed", "the commit is made, the next layer does not know"),
        )
    },
    "replay.begun": "a replay of quarantine has a batch of its own, an empty one in Bronze",
    "replay.silver": "what fits now is in Silver, quarantine does not know",
    "replay.released": "quarantine knows what a slice of the replay released",
    "rebuild.staged": "Silver and quarantine are made anew, the old ones still in their place",
    "rebuild.linked": "the files of one of the two lie beside the old ones, no commit names them",
    "rebuild.swapped": "one of the two, Silver first, has taken its place",
    "compact.begin": "small files are about to be merged",
    "compact.done": "small files are merged, the old ones still there",
    "vacuum.done": "old files are deleted",
}
"""Every fault point by name, with what holds when it is reached."""

_ENTRY = re.compile(
    r"(?P<point>[a-z_.]+)(@(?P<hit>[1-9][0-9]*))?=(?P<action>kill|raise|delay:(?P<seconds>[0-9]+(\.[0-9]+)?))"
)

Row = TypeVar("Row")


class FaultRaised(RuntimeError):
    """What an armed point raises: an error that nothing expects."""


@dataclass
class _Armed:
    action: str
    hit: int | None
    seconds: float
    reached: int = 0


_lock = threading.Lock()


def reach(point: str) -> None:
    """Tell that a fault point is reached; where it is armed, this kills, raises or waits.

    Args:
        point: Name of the point, one of `POINTS`.

    Raises:
        FaultRaised: The point is armed to raise.
        SettingsError: `STREAMING_ASSETS_FAULT` is not what it should be.
    """
    armed = _armed(os.environ.get(VARIABLE, ""))
    if armed and point in armed:
        _act(point, armed[point])


def then_reach(rows: Iterator[Row], point: str) -> Iterator[Row]:
    """Pass rows on, and reach the point after the last one."""
    yield from rows
    reach(point)


def _act(point: str, armed: _Armed) -> None:
    with _lock:
        armed.reached += 1
        reached = armed.reached
    if armed.action.startswith("delay"):
        if armed.hit in (None, reached):
            time.sleep(armed.seconds)
    elif reached == (armed.hit or 1):
        if armed.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise FaultRaised(f"fault point {point} is armed to raise")


@cache
def _armed(text: str) -> dict[str, _Armed]:
    """Return what a text arms.

    Raises:
        SettingsError: It arms a point that does not exist, or is not to be understood.
    """
    armed: dict[str, _Armed] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        match = _ENTRY.fullmatch(entry)
        if match is None or match["point"] not in POINTS:
            expected = f"NAME[@HIT]=kill|raise|delay:SECONDS, where NAME is one of {', '.join(POINTS)}"
            raise SettingsError([Fault(VARIABLE, repr(entry), expected)])
        hit = int(match["hit"]) if match["hit"] else None
        armed[match["point"]] = _Armed(match["action"], hit, float(match["seconds"] or 0))
    return armed
