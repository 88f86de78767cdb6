"""Spans of event time that are computed one after the other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streaming_assets.engines.embedded.spans import Span, spans
from streaming_assets.lake.files import DataFile

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LENGTH = 5 * MINUTE


def silver_file(low, high, records=10):
    """Return a file whose event times lie between two minutes after noon."""
    low, high = ({"event_time": NOON + minute * MINUTE} for minute in (low, high))
    return DataFile(path="", records=records, size=1, low=low, high=high)


def cut(files, rows):
    """Return the minutes after noon at which spans end."""
    return [(span.end - NOON) / MINUTE for span in spans(files, LENGTH, rows) if span.end]


def test_few_rows_are_one_span():
    """A table that is small, or empty, is computed at once."""
    assert list(spans([], LENGTH)) == [Span(None, None)]
    assert list(spans([silver_file(0, 100)], LENGTH)) == [Span(None, None)]


def test_files_in_order_are_cut_where_a_window_starts():
    """A span ends before the window in which the file begins that would come on top of enough rows."""
    files = [silver_file(10 * n, 10 * n + 9) for n in (2, 0, 1, 3)]
    assert cut(files, 10) == [10, 20, 30]
    assert cut(files, 20) == [20]
    assert cut([silver_file(0, 9), silver_file(12, 21)], 10) == [10]


def test_files_that_overlap_are_read_once():
    """Spans that would have to read most of their files twice are one span."""
    assert cut([silver_file(n, n + 100) for n in range(0, 100, 10)], 10) == []
    assert cut([silver_file(0, 9), silver_file(9, 19), silver_file(20, 29)], 10) == [20]


def test_a_file_that_reaches_over_hardly_counts():
    """A span may end inside a file that holds at most a quarter of its rows."""
    files = [silver_file(0, 9, records=30), silver_file(8, 12, records=10), silver_file(10, 19, records=30)]
    assert cut(files, 40) == [10]


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 60), st.integers(1, 50)), max_size=30), st.integers(1, 200)
)
def test_every_window_is_in_exactly_one_span(files, rows):
    """Spans follow one another without a gap, end where windows start, and never divide one."""
    made = list(spans([silver_file(low, low + more, records) for low, more, records in files], LENGTH, rows))
    assert [made[0].start, made[-1].end] == [None, None]
    assert all(before.end == after.start for before, after in pairwise(made))
    ends = [span.end for span in made[:-1]]
    assert ends == sorted(set(ends))
    assert all((end - NOON) % LENGTH == timedelta(0) for end in ends)
