"""Moments as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from streaming_assets.errors import InvalidMoment
from streaming_assets.layers.moments import read_moment

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00", "2026-03-01t12:00:00.000z"])
def test_a_time_is_rfc_3339(text):
    """A time with any offset is a point in time, UTC."""
    assert read_moment(text) == NOON


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0s", timedelta()),
        ("90s", timedelta(seconds=90)),
        ("30min", timedelta(minutes=30)),
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("0.5d", timedelta(hours=12)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_span_counts_back_from_now(text, span):
    """A span means the time so long before now."""
    before = datetime.now(tz=UTC)
    moment = read_moment(text)
    assert before - span <= moment <= datetime.now(tz=UTC) - span


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-03-01", "2026-03-01T12:00:00", "2026-13-01T12:00:00Z", "-1h", "2 h", "99999999999w"],
)
def test_no_time_is_told(text):
    """What is no time is refused with both forms that are."""
    with pytest.raises(InvalidMoment) as told:
        read_moment(text)
    assert told.value.summary == f"{text!r} is not a time."
    assert "2026-03-01T12:00:00Z" in told.value.expected
    assert "2h" in told.value.expected
