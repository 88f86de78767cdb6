"""Moments as people write them: RFC 3339, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

_SPAN = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>s|min|h|d|w)")
_UNITS = {
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_EXPECTED = (
    "expected a time with an offset, such as 2026-03-01T12:00:00Z, or a span up to now, such as 90s, 30min, 2h, 7d"
)


def parse_moment(text: str) -> datetime:
    """Read a moment: a time of RFC 3339, or a span that ends now.

    Raises:
        BadParameter: It is neither.
    """
    try:
        if span := _SPAN.fullmatch(text):
            return datetime.now(tz=UTC) - float(span["number"]) * _UNITS[span["unit"]]
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"found {text!r}, {_EXPECTED}") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"found {text!r} without an offset, {_EXPECTED}")
    return moment.astimezone(UTC)
