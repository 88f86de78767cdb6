"""Lengths of windows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from streaming_assets.windows import window_length


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
