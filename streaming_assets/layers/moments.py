"""Moments as people write them: RFC 3339, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from streaming_assets.errors import InvalidMoment
from streaming_assets.fitting.times import as_timestamp
from streaming_assets.fitting.verdicts import MisfitError

_SPAN = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>s|m|min|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_moment(text: str) -> datetime:
    """Return the point in time, UTC, that a person means.

    Args:
        text: RFC 3339 with an offset, or a span that ends now: a number of `s`, `min` (or `m`), `h`, `d` or `w`.

    Raises:
        InvalidMoment: It is neither.
    """
    try:
        if span := _SPAN.fullmatch(text):
            return datetime.now(tz=UTC) - timedelta(**{_UNITS[span["unit"]]: float(span["number"])})
        return as_timestamp(text, "$")
    except (MisfitError, OverflowError):
        raise InvalidMoment(
            f"{text!r} is not a time.",
            expected="RFC 3339 with an offset, such as 2026-03-01T12:00:00Z, or a span up to now, such as 90s, 30min, "
            "2h, 1d or 2w",
        ) from None
