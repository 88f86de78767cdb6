"""Ranges of offsets."""

from __future__ import annotations

import numpy as np
import pytest

from streaming_assets.engines.offset_ranges import count_offsets, holding, ranges, within, without

SOME = ranges([(3, 5), (10, 11), (20, 30)])


def pairs(some):
    return [tuple(each) for each in some.tolist()]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        ([(5, 5), (7, 6)], []),
        ([(1, 2), (2, 4), (5, 6)], [(1, 4), (5, 6)]),
        ([(0, 1), (1, 1), (1, 2), (9, 3), (2, 2**62)], [(0, 2**62)]),
    ],
)
def test_ranges_are_joined(given, expected):
    """Ranges that touch become one, and empty ones none."""
    assert pairs(ranges(given)) == expected


def test_offsets_are_counted():
    """What is counted are offsets and not ranges."""
    assert (count_offsets(SOME), count_offsets(ranges([]))) == (13, 0)


@pytest.mark.parametrize(
    ("low", "high", "inside", "outside"),
    [
        (0, 99, [(3, 5), (10, 11), (20, 30)], []),
        (4, 25, [(4, 5), (10, 11), (20, 25)], [(3, 4), (25, 30)]),
        (5, 10, [], [(3, 5), (10, 11), (20, 30)]),
        (30, 40, [], [(3, 5), (10, 11), (20, 30)]),
        (9, 9, [], [(3, 5), (10, 11), (20, 30)]),
        (9, 4, [], [(3, 5), (10, 11), (20, 30)]),
    ],
)
def test_ranges_are_cut(low, high, inside, outside):
    """What lies within bounds and what does not make up the whole."""
    assert (pairs(within(SOME, low, high)), pairs(without(SOME, low, high))) == (inside, outside)
    assert pairs(without(ranges([]), low, high)) == []


def test_offsets_are_looked_up():
    """An offset is held by a range from its first one on, and not by the one behind the last."""
    offsets = np.array([2, 3, 4, 5, 10, 11, 29, 30])
    assert holding(SOME, offsets).tolist() == [False, True, True, False, True, False, True, False]
    assert holding(ranges([]), offsets).tolist() == [False] * 8
