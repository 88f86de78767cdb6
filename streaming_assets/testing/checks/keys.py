"""The keys of a Gold table identify its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from streaming_assets.errors import NotConforming
from streaming_assets.layers.findings import NAME_THE_KEYS, Finding
from streaming_assets.testing.subject import Subject


def check_keys(subject: Subject) -> None:
    """Check that no two rows of a Gold table have the same keys.

    Raises:
        NotConforming: Some have.
    """
    for table in subject.source.gold:
        rows = subject.tables.gold(table)
        keys = [tuple(repr(row[key]) for key in table.keys) for row in rows]
        repeated = {key: number for key, number in Counter(keys).items() if number > 1}
        if repeated:
            key, number = max(repeated.items(), key=lambda each: each[1])
            row = rows[keys.index(key)]
            shown = ", ".join(f"{name}={row[name]}" for name in table.keys)
            raise NotConforming(
                f"The keys of {subject.source.name}.{table.name} do not identify its rows.",
                found=f"{number} rows with {shown}",
                expected=f"one row for each {', '.join(table.keys)}",
                meaning="readers who join or look up by the keys would count rows twice",
                remedy=NAME_THE_KEYS,
            )


def remedy_of(breaches: Sequence[Finding], otherwise: str) -> str:
    """Return what to do about findings of another test: where all that is wrong are the keys, it is about them."""
    return NAME_THE_KEYS if breaches and all(NAME_THE_KEYS in each.notes for each in breaches) else otherwise
