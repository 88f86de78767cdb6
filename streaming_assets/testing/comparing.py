"""Compares the rows of two tables, by their keys."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

Row = Mapping[str, Any]

_EXAMPLES = 3
_DIGITS = 1e-9


def differences(
    expected: Iterable[Row], found: Iterable[Row], keys: Sequence[str], *, without: Iterable[str] = ()
) -> list[str]:
    """Return some of what differs between two tables, in words; nothing if they have the same rows.

    Fractional numbers agree to nine digits: their sums depend on the order of the rows.

    Args:
        expected: Rows of the one.
        found: Rows of the other.
        keys: Columns that together identify a row.
        without: Columns that may differ.
    """
    one, other = (_by_key(table, keys, without) for table in (expected, found))
    return list(islice(_differences(one, other, keys), _EXAMPLES))


def _by_key(rows: Iterable[Row], keys: Sequence[str], without: Iterable[str]) -> dict[tuple[str, ...], Row]:
    left_out = frozenset(without)
    return {key_of(row, keys): {name: value for name, value in row.items() if name not in left_out} for row in rows}


def _differences(
    expected: Mapping[tuple[str, ...], Row], found: Mapping[tuple[str, ...], Row], keys: Sequence[str]
) -> Iterator[str]:
    yield from (f"a row is missing: {shown_key(expected[key], keys)}" for key in expected.keys() - found.keys())
    yield from (f"a row too many: {shown_key(found[key], keys)}" for key in found.keys() - expected.keys())
    for key in expected.keys() & found.keys():
        for name, value in expected[key].items():
            if not _same(value, found[key][name]):
                yield f"{shown_key(expected[key], keys)}: {name} is {found[key][name]!r} instead of {value!r}"


def key_of(row: Row, keys: Sequence[str]) -> tuple[str, ...]:
    """Return what identifies a row, as texts: values of all types can be compared so."""
    return tuple(repr(row[key]) for key in keys)


def shown_key(row: Row, keys: Sequence[str]) -> str:
    """Write what identifies a row."""
    return ", ".join(f"{key}={row[key]}" for key in keys)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_DIGITS, abs_tol=_DIGITS) or (math.isnan(one) and math.isnan(other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
