"""How a misfit's detail names what was found."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from streaming_assets.fitting.values import HugeInteger, Number


def describe(value: Any) -> str:
    """Return what kind of JSON value it is, with the value of a scalar."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, str) and not isinstance(value, HugeInteger):
        return f"the string {show(value)}"
    return show(value)


_LONGEST_SHOWN = 80


def show(value: Any) -> str:
    """Return the value as JSON, cut where it is long."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Number):
        return truncate(value.text)
    return truncate(json.dumps(value) if not isinstance(value, (HugeInteger, datetime, date)) else str(value))


def truncate(text: str) -> str:
    """Cut a text to what fits on a line."""
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
