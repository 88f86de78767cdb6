"""Windows: how long they are, and where they begin and end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from streaming_assets.windows import window_end, window_length, window_start


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("1 second", timedelta(seconds=1)),
        ("30 seconds", timedelta(seconds=30)),
        ("1 minute", timedelta(minutes=1)),
        ("5 minutes", timedelta(minutes=5)),
        ("90 minutes", timedelta(minutes=90)),
        ("1 hour", timedelta(hours=1)),
        ("1 day", timedelta(days=1)),
        ("7 days", timedelta(days=7)),
        ("1 minutes", timedelta(minutes=1)),
    ],
)
def test_a_window_is_a_number_and_a_unit(text, length):
    """A window's length is written as a whole number of seconds, minutes, hours or days."""
    assert length == window_length(text)


@pytest.mark.parametrize(
    "text", ["", "minute", "0 minutes", "-1 minute", "1.5 hours", "1  hour", " 1 hour", "1 hour\n", "1h", "1 week",
             "1 HOUR", "01 hour", "٣ hours"]
)  # fmt: skip
def test_other_texts_are_no_windows(text):
    """Anything else is refused with the text and examples."""
    with pytest.raises(ValueError, match="is not a window such as"):
        window_length(text)


@pytest.mark.parametrize(
    ("moment", "length", "start", "end"),
    [
        ("2026-03-01T11:07:00", timedelta(minutes=5), "2026-03-01T11:05:00", "2026-03-01T11:10:00"),
        ("2026-03-01T11:05:00", timedelta(minutes=5), "2026-03-01T11:05:00", "2026-03-01T11:10:00"),
        ("1970-01-08T00:00:00", timedelta(days=7), "1970-01-08T00:00:00", "1970-01-15T00:00:00"),
        ("1969-12-31T23:59:59", timedelta(hours=1), "1969-12-31T23:00:00", "1970-01-01T00:00:00"),
        ("0001-01-01T00:00:00", timedelta(days=7), "0001-01-01T00:00:00", "0001-01-04T00:00:00"),
    ],
)
def test_windows_are_counted_from_1970(moment, length, start, end):
    """A window begins at a multiple of its length since 1970; the first of all begins with the first day there is."""
    moment, start, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (moment, start, end))
    assert (window_start(moment, length), window_end(moment, length)) == (start, end)
