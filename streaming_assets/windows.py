"""Tumbling windows: their lengths as a plugin writes them, and where they begin and end."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_PATTERN = re.compile(r"([1-9][0-9]*) (second|minute|hour|day)s?")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime.min.replace(tzinfo=UTC)


def window_length(window: str) -> timedelta:
    """Return the length of a window such as `5 minutes`. Windows are aligned to 1970-01-01T00:00:00Z.

    Raises:
        ValueError: The text is not `<number> second(s)|minute(s)|hour(s)|day(s)`.
    """
    match = _PATTERN.fullmatch(window)
    if match is None:
        raise ValueError(f"{window!r} is not a window such as '1 minute', '5 minutes', '1 hour' or '1 day'")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def window_start(moment: datetime, length: timedelta) -> datetime:
    """Return the start of the window that holds a time; the first of all may begin with the first day that there is."""
    return _EPOCH + max((moment - _EPOCH) // length * length, _FIRST - _EPOCH)


def window_end(moment: datetime, length: timedelta) -> datetime:
    """Return the end, which is the start of the next one, of the window that holds a time."""
    return _EPOCH + ((moment - _EPOCH) // length + 1) * length
