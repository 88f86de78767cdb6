"""Tumbling windows: their lengths as a plugin writes them."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_PATTERN = re.compile(r"([1-9][0-9]*) (second|minute|hour|day)s?")


def window_length(window: str) -> timedelta:
    """Return the length of a window such as `5 minutes`. Windows are aligned to 1970-01-01T00:00:00Z.

    Raises:
        ValueError: The text is not `<number> second(s)|minute(s)|hour(s)|day(s)`.
    """
    match = _PATTERN.fullmatch(window)
    if match is None:
        raise ValueError(f"{window!r} is not a window such as '1 minute', '5 minutes', '1 hour' or '1 day'")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])
