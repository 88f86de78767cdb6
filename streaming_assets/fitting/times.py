"""Timestamps and dates in JSON text."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_FLOOR, Context, Decimal, InvalidOperation

from streaming_assets.fitting.verdicts import Reason, refuse
from streaming_assets.fitting.wording import show, truncate

TIMESTAMP_PATTERN = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
"""RFC 3339, section 5.6."""


_TIMESTAMP = re.compile(TIMESTAMP_PATTERN)
_LEAP_SECOND = 60


def as_timestamp(text: str, path: str) -> datetime:
    """Return the point in time, UTC; what is finer than a microsecond is cut off.

    Raises:
        MisfitError: It is not RFC 3339 with an offset, no time that exists, or outside the years 1 to 9999.
    """
    if not _TIMESTAMP.fullmatch(text):
        refuse(Reason.BAD_TIMESTAMP, path, f"found {show(text)}, expected RFC 3339 with an offset")
    try:
        return _from_rfc3339(text)
    except ValueError as error:
        refuse(Reason.BAD_TIMESTAMP, path, f"found {show(text)}: {error}")
    except OverflowError:
        refuse(Reason.OUT_OF_RANGE, path, f"found {show(text)}, expected years 1 to 9999 in UTC")


def _from_rfc3339(text: str) -> datetime:
    zone_at = len(text) - 1 if text[-1] in "Zz" else len(text) - 6
    second = int(text[17:19])
    # A leap second is the first instant of the next minute for every clock that has none (POSIX time).
    leap = timedelta(seconds=1) if second == _LEAP_SECOND else timedelta(0)
    local = datetime(  # noqa: DTZ001 (the zone is added below)
        int(text[:4]), int(text[5:7]), int(text[8:10]), int(text[11:13]), int(text[14:16]), second - leap.seconds,
        int(text[20:zone_at][:6].ljust(6, "0")),
    )  # fmt: skip
    return (local + leap).replace(tzinfo=_zone(text[zone_at:])).astimezone(UTC)


def _zone(text: str) -> timezone:
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59:  # noqa: PLR2004 (RFC 3339: time-hour and time-minute)
        raise ValueError("the offset is out of range")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEYOND_ALL_YEARS = 1e15
"""More milliseconds than there are up to the year 9999; so many digits need not be computed with."""
_EXACT = Context(prec=60, rounding=ROUND_FLOOR)


def as_epoch(text: str, unit: timedelta, path: str) -> datetime:
    """Return the point in time that lies so many units after 1970-01-01 00:00:00 UTC.

    What is finer than a microsecond is cut off, towards the past.

    Args:
        text: A JSON number.
        unit: What it counts.
        path: JSON path of the value.

    Raises:
        MisfitError: It is outside the years 1 to 9999.
    """
    try:
        if abs(float(text)) < _BEYOND_ALL_YEARS:
            microseconds = _EXACT.multiply(Decimal(text), Decimal(unit // timedelta(microseconds=1)))
            return _EPOCH + timedelta(microseconds=int(microseconds.to_integral_value(ROUND_FLOOR)))
    except (OverflowError, InvalidOperation):
        pass
    return refuse(Reason.OUT_OF_RANGE, path, f"found {truncate(text)}, expected years 1 to 9999")


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def as_date(text: str, path: str) -> date:
    """Return the day.

    Raises:
        MisfitError: It is not `YYYY-MM-DD`, or no day that exists.
    """
    try:
        if _DATE.fullmatch(text):
            return date(int(text[:4]), int(text[5:7]), int(text[8:]))
    except ValueError:
        pass
    return refuse(Reason.BAD_DATE, path, f"found {show(text)}, expected a date YYYY-MM-DD")
