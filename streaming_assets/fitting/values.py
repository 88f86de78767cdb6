"""JSON values that remember what Python would forget."""

from __future__ import annotations

from typing import Any


class JsonObject(dict[str, Any]):
    """A JSON object that remembers which names stood in it more than once."""

    repeated: frozenset[str] = frozenset()


class HugeInteger(str):
    """An integer too long for any type here; Python refuses to convert the longest."""

    __slots__ = ()


class Number(float):
    """A number with fraction or exponent that remembers how it was written."""

    text: str
