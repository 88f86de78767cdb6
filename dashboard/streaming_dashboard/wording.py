"""How values and errors are put into words."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from streaming_assets.errors import StreamingAssetsError

UNKNOWN = "\N{EN DASH}"
"""Stands where there is no value."""

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
_NATIVE_FRAME = re.compile(r"^\s+\d+: ")


def human(name: str) -> str:
    """Turn a column's or table's name into words: `active_users` into `active users`."""
    return name.replace("_", " ").strip()


def heading(name: str) -> str:
    """Turn a name into a heading: `active_users` into `Active users`."""
    words = human(name)
    return words[:1].upper() + words[1:]


def duration(length: timedelta) -> str:
    """Write a length of time in its largest unit, rounded down: `45 s`, `3 min`, `2 h`, `5 d`."""
    seconds = max(0, int(length.total_seconds()))
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def moment(start: datetime, step: timedelta | None = None) -> str:
    """Write a point in time, or a step from it on: `2026-03-01 12:00 to 12:05 UTC`."""
    shown = "%Y-%m-%d %H:%M" if step is not None and step % timedelta(minutes=1) == timedelta() else "%Y-%m-%d %H:%M:%S"
    text = f"{start:{shown}}"
    if step is not None:
        end = start + step
        text += f" to {end:%H:%M}" if end.date() == start.date() else f" to {end:%Y-%m-%d %H:%M}"
    return f"{text} UTC"


def plain(text: str) -> str:
    """Escape what Markdown would read as markup."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~$:])", r"\\\1", text)


def told(error: StreamingAssetsError) -> str:
    """Return an error's text without the frames that native libraries put into theirs."""
    return "\n".join(line for line in str(error).splitlines() if not _NATIVE_FRAME.match(line))
