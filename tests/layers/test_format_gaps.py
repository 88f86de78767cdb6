"""Gaps in words."""

from __future__ import annotations

from streaming_assets.engines.offset_ranges import ranges
from streaming_assets.layers.gaps import format_gaps, format_ranges, total

SOME = ranges([(3, 5), (10, 11), (20, 30)])


def test_ranges_are_named():
    """The first five ranges are named, and the others counted."""
    assert format_ranges(2, SOME) == "partition 2: 3 to 4, 10, 20 to 29"
    many = ranges((offset, offset + 1) for offset in range(0, 4_000, 2))
    assert format_ranges(0, many) == "partition 0: 0, 2, 4, 6, 8, and 1,995 more ranges"


def test_gaps_are_named():
    """Partitions are named in order, five at the most, and all offsets are counted."""
    gaps = dict.fromkeys(range(7), ranges([(1, 3)]))
    assert format_gaps(gaps) == "; ".join(f"partition {each}: 1 to 2" for each in range(5))
    assert total({**gaps, 7: SOME}) == 27
