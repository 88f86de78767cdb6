"""Spans of event time that are computed one after the other, so that memory does not grow with the table."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from streaming_assets.lake.files import DataFile
from streaming_assets.windows import window_start

SPAN_ROWS = 2_000_000
"""Silver rows from which on a span may end."""

_READ_TWICE = 4
"""A span ends only where at most one in so many of its rows lies in a file that the next one reads again."""


@dataclass(frozen=True, slots=True)
class Span:
    """Event times from `start` up to, not including, `end`; None is unbounded."""

    start: datetime | None
    """First time, the start of a window."""
    end: datetime | None
    """First time that is not in the span, the start of a window."""

    def overlaps(self, file: DataFile) -> bool:
        """Tell whether a Silver file may hold rows of the span."""
        return (self.end is None or file.low["event_time"] < self.end) and (
            self.start is None or file.high["event_time"] >= self.start
        )


def spans(files: Sequence[DataFile], length: timedelta, rows: int = SPAN_ROWS) -> Iterator[Span]:
    """Cut all event times, at starts of windows, into spans of about `rows` Silver rows.

    Where files overlap too much, as those of late or unordered events do, a span is longer: reading them
    again and again would cost more than the memory is worth, which has its own limit.

    Args:
        files: Silver's files, with their ranges of event times.
        length: Length of a window.
        rows: Rows from which on a span may end.
    """
    for start, end in pairwise([None, *_cuts(files, length, rows), None]):
        yield Span(start, end)


def _cuts(files: Sequence[DataFile], length: timedelta, rows: int) -> Iterator[datetime]:
    open_files: list[tuple[datetime, int]] = []  # end and rows of the files that reach the present one
    gathered = straddling = 0
    for file in sorted(files, key=lambda file: file.low["event_time"]):
        start = window_start(file.low["event_time"], length)
        while open_files and open_files[0][0] < start:
            straddling -= heapq.heappop(open_files)[1]
        if gathered >= rows and straddling * _READ_TWICE <= gathered:
            yield start
            gathered = straddling
        heapq.heappush(open_files, (file.high["event_time"], file.records))
        gathered += file.records
        straddling += file.records
