"""Ranges of windows and keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming_assets.engines.gold_ranges import KeyRange, TimeRange, key_ranges, window_ranges

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def minutes(*numbers):
    return [EPOCH + number * MINUTE for number in numbers]


def as_minutes(ranges):
    return [((each.start - EPOCH) // MINUTE, (each.end - EPOCH) // MINUTE) for each in ranges]


@pytest.mark.parametrize(
    ("touched", "most", "expected"),
    [
        ([], 64, []),
        ([7], 64, [(7, 8)]),
        ([3, 1, 2], 64, [(1, 4)]),
        ([1, 3], 64, [(1, 2), (3, 4)]),
        ([1, 3, 9, 20], 3, [(1, 4), (9, 10), (20, 21)]),
        ([1, 3, 9, 20], 2, [(1, 10), (20, 21)]),
        ([1, 3, 9, 20], 1, [(1, 21)]),
        ([-5, -4, 2], 64, [(-5, -3), (2, 3)]),
    ],
)
def test_neighbouring_windows_become_one_range(touched, most, expected):
    """Windows without a gap are joined, and where there are too many ranges, those with the smallest gaps."""
    assert expected == as_minutes(window_ranges(minutes(*touched), MINUTE, most))


@given(st.sets(st.integers(-500, 500)), st.integers(1, 10))
def test_window_ranges_cover_what_is_touched(touched, most):
    """Every touched window is in exactly one of at most so many ranges, which begin and end with touched windows."""
    ranges = as_minutes(window_ranges(minutes(*touched), MINUTE, most))
    assert len(ranges) <= most
    assert [1] * len(touched) == [sum(low <= each < high for low, high in ranges) for each in touched]
    assert {edge for low, high in ranges for edge in (low, high - 1)} <= touched
    assert all(before[1] < after[0] for before, after in pairwise(ranges))


def test_a_first_window_that_is_cut_off_ends_with_its_days():
    """A window that begins with the first day that there is ends where its whole length would have ended."""
    first = datetime(1, 1, 1, tzinfo=UTC)
    week = timedelta(days=7)
    second = EPOCH + ((first - EPOCH) // week + 1) * week
    assert window_ranges([first], week) == [TimeRange(first, second)]
    assert window_ranges([first, second], week) == [TimeRange(first, second + week)]


@pytest.mark.parametrize(
    ("keys", "starts", "most", "expected"),
    [
        ([], [], 64, []),
        (["a", "b"], [], 64, [(None, None)]),
        (["a"], ["m"], 64, [(None, "m")]),
        (["m"], ["m"], 64, [("m", None)]),
        (["a", "z"], ["m"], 64, [(None, None)]),
        (["b", "y"], ["a", "c", "x"], 64, [("a", "c"), ("x", None)]),
        (["b", "d", "y"], ["a", "c", "e", "x"], 64, [("a", "e"), ("x", None)]),
        ([1, 30, 60], [0, 10, 20, 30, 40, 50, 60], 2, [(0, 40), (60, None)]),
        ([5, 5], [0, 0, 10], 64, [(0, 10)]),
    ],
)
def test_key_ranges_are_those_of_files(keys, starts, most, expected):
    """Keys are covered by ranges that begin and end where files begin; what lies before the first has no start."""
    assert [KeyRange(low, high) for low, high in expected] == key_ranges(keys, starts, most)


@given(st.data(), st.integers(1, 8))
def test_key_ranges_cover_what_is_touched(data, most):
    """Every key is in exactly one of at most so many ranges, whose bounds are starts of files."""
    kind = data.draw(st.sampled_from([st.integers(-50, 50), st.text(max_size=2)]))
    keys, starts = data.draw(st.lists(kind)), data.draw(st.lists(kind))
    ranges = key_ranges(keys, starts, most)

    def inside(key, each):
        return (each.low is None or each.low <= key) and (each.high is None or key < each.high)

    assert len(ranges) <= most
    assert [1] * len(keys) == [sum(inside(key, each) for each in ranges) for key in keys]
    assert {bound for each in ranges for bound in (each.low, each.high)} <= {None, *starts}
