"""Ranges of offsets of one partition: a table of two columns, the first offset of each range and the one behind it.

Ranges are in ascending order and don't touch. Arrays, because a topic of short transactions has a gap for each.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

OffsetRanges = npt.NDArray[np.int64]
"""Shape (ranges, 2)."""


def ranges(pairs: Iterable[tuple[int, int]]) -> OffsetRanges:
    """Make ranges from ascending pairs; those that touch are joined, and empty ones left out."""
    table = np.array(list(pairs), np.int64).reshape(-1, 2)
    table = table[table[:, 0] < table[:, 1]]
    first, last = np.ones(len(table), np.bool_), np.ones(len(table), np.bool_)
    first[1:] = last[:-1] = table[1:, 0] > table[:-1, 1]
    return np.column_stack([table[first, 0], table[last, 1]])


def count_offsets(some: OffsetRanges) -> int:
    """Return the number of offsets."""
    return int((some[:, 1] - some[:, 0]).sum())


def within(some: OffsetRanges, low: int, high: int) -> OffsetRanges:
    """Return what lies at or behind `low` and before `high`."""
    cut = np.clip(some, low, max(low, high))
    return cut[cut[:, 0] < cut[:, 1]]


def without(some: OffsetRanges, low: int, high: int) -> OffsetRanges:
    """Return what does not lie between `low` and, not including it, `high`."""
    if low >= high or not len(some):
        return some
    before, behind = within(some, int(some[0, 0]), low), within(some, high, int(some[-1, 1]))
    return np.concatenate([before, behind])


def holding(some: OffsetRanges, offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Tell for each offset whether a range holds it."""
    if not len(some):
        return np.zeros(len(offsets), np.bool_)
    place = np.searchsorted(some[:, 0], offsets, side="right") - 1
    result: npt.NDArray[np.bool_] = (place >= 0) & (offsets < some[place, 1])
    return result
