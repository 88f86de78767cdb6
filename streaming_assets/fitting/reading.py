"""From bytes to JSON values, strictly by RFC 8259."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, NoReturn

from streaming_assets.fitting.values import HugeInteger, JsonObject, Number
from streaming_assets.fitting.verdicts import Reason, refuse
from streaming_assets.fitting.wording import truncate

MAX_DEPTH = 256
"""Deepest nesting of objects and arrays; parsers differ in how much more they take."""


_LONGEST_INTEGER = len(str(-(2**63)))


def parse(value: bytes | None) -> Any:
    """Return the value of a JSON text.

    Raises:
        MisfitError: It is not one, or is nested too deep.
    """
    if not value:
        refuse(Reason.NO_VALUE, None, "found no value" if value is None else "found an empty value")
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        refuse(Reason.NOT_UTF8, None, f"found byte 0x{value[error.start]:02x} at byte {error.start}")
    if _depth(text) > MAX_DEPTH:
        refuse(Reason.TOO_DEEP, None, f"expected at most {MAX_DEPTH} levels of nesting")
    try:
        return _DECODER.decode(text)
    except ValueError as error:
        refuse(Reason.NOT_JSON, None, truncate(str(error)))


def _depth(text: str) -> int:
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    # A string without an end takes all that follows, so that no character is looked at twice.
    for bracket in re.findall(r'"(?:[^"\\]++|\\.)*+"?|[\[{\]}]', text, re.DOTALL):
        if bracket in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif bracket in "]}":
            depth -= 1
    return deepest


def _pairs(pairs: list[tuple[str, Any]]) -> JsonObject:
    result = JsonObject(pairs)
    if len(result) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        result.repeated = frozenset(name for name, times in counts.items() if times > 1)
    return result


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(text: str) -> int | HugeInteger:
    return int(text) if len(text) <= _LONGEST_INTEGER else HugeInteger(text)


def _read_number(text: str) -> Number:
    number = Number(text)
    number.text = text
    return number


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=_constant, parse_int=_integer, parse_float=_read_number
)
