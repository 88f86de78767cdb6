"""The keys of a Gold table identify its rows."""

from __future__ import annotations

from collections import Counter

from streaming_assets.errors import NotConforming
from streaming_assets.layers.findings import NAME_THE_KEYS
from streaming_assets.testing.comparing import key_of, shown_key
from streaming_assets.testing.subject import Subject


def check_keys(subject: Subject) -> None:
    """Check that no two rows of a Gold table have the same keys.

    Raises:
        NotConforming: Some have.
    """
    for table in subject.source.gold:
        rows = subject.tables.gold(table)
        keys = [key_of(row, table.keys) for row in rows]
        repeated = {key: number for key, number in Counter(keys).items() if number > 1}
        if repeated:
            key, number = max(repeated.items(), key=lambda each: each[1])
            shown = shown_key(rows[keys.index(key)], table.keys)
            raise NotConforming(
                f"The keys of {subject.source.name}.{table.name} do not identify its rows.",
                found=f"{number} rows with {shown}",
                expected=f"one row for each {', '.join(table.keys)}",
                meaning="readers who join or look up by the keys would count rows twice",
                remedy=NAME_THE_KEYS,
            )
