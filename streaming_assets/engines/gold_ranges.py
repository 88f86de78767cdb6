"""Ranges of windows or keys: what a Gold commit replaces.

A list of thousands of windows or keys makes a condition that no engine evaluates well. Neighbours are
joined to ranges, and where too many remain, those with the smallest gaps are joined too: more than
necessary is then computed again, which costs time and changes nothing.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Generic, TypeVar

from streaming_assets.windows import window_end

Key = TypeVar("Key", str, int)

MOST_RANGES = 64
"""More conditions than these in one predicate cost more than computing a few windows again."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Windows from `start` up to, not including, `end`."""

    start: datetime
    """Start of the first window."""
    end: datetime
    """End of the last window."""


def window_ranges(starts: Sequence[datetime], length: timedelta, most: int = MOST_RANGES) -> list[TimeRange]:
    """Join windows, given by their starts, to at most `most` ranges; each ends where its last window does."""
    ordered = sorted(starts)
    if not ordered:
        return []
    gaps = [(after - before - length, index) for index, (before, after) in enumerate(pairwise(ordered))]
    widest = sorted((gap for gap in gaps if gap[0] > timedelta(0)), reverse=True)[: most - 1]
    cuts = sorted(index + 1 for _, index in widest)
    edges = [0, *cuts, len(ordered)]
    return [TimeRange(ordered[low], window_end(ordered[high - 1], length)) for low, high in pairwise(edges)]


@dataclass(frozen=True, slots=True)
class KeyRange(Generic[Key]):
    """Keys from `low` up to, not including, `high`; None is unbounded."""

    low: Key | None
    """First key."""
    high: Key | None
    """First key that is not in the range."""


def key_ranges(keys: Sequence[Key], file_starts: Sequence[Key], most: int = MOST_RANGES) -> list[KeyRange[Key]]:
    """Cover keys by ranges that begin and end where the table's files begin.

    The files of a keyed table are written in key order, so a range replaces whole files, and files
    without a touched key stay.
    """
    starts = sorted(set(file_starts))
    return key_ranges_of(sorted({bisect.bisect_right(starts, key) for key in keys}), starts, most)


def key_ranges_of(places: Sequence[int], starts: Sequence[Key], most: int = MOST_RANGES) -> list[KeyRange[Key]]:
    """Cover keys as `key_ranges`, given how many of the starts are not above each.

    Args:
        places: These numbers, ascending, each once.
        starts: The keys that the table's files begin with, ascending, each once.
        most: Most ranges.
    """
    runs = _runs(places, most)
    return [
        KeyRange(starts[first - 1] if first else None, starts[last] if last < len(starts) else None)
        for first, last in runs
    ]


def _runs(numbers: Sequence[int], most: int) -> list[tuple[int, int]]:
    gaps = sorted(
        ((after - before, index + 1) for index, (before, after) in enumerate(pairwise(numbers))
         if after - before > 1),
        reverse=True,
    )  # fmt: skip
    edges = [0, *sorted(index for _, index in gaps[: most - 1]), len(numbers)]
    return [(numbers[low], numbers[high - 1]) for low, high in pairwise(edges) if low < high]
