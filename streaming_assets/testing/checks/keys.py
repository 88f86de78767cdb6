"""The keys of a Gold table identify its rows."""

from __future__ import annotations

from collections import Counter

from streaming_assets.errors import NotConforming
from streaming_assets.testing.subject import Subject


def check_keys(subject: Subject) -> None:
    """Check that no two rows of a Gold table have the same keys.

    Raises:
        NotConforming: Some have.
    """
    for table in subject.source.gold:
        rows = subject.tables.gold(table)
        times = Counter(tuple(repr(row[key]) for key in table.keys) for row in rows)
        repeated = {key: number for key, number in times.items() if number > 1}
        if repeated:
            key, number = max(repeated.items(), key=lambda each: each[1])
            shown = ", ".join(f"{name}={value}" for name, value in zip(table.keys, key, strict=True))
            raise NotConforming(
                f"The keys of {subject.source.name}.{table.name} do not identify its rows.",
                found=f"{number} rows with {shown}",
                expected=f"one row for each {', '.join(table.keys)}",
                meaning="readers who join or look up by the keys would count rows twice",
                remedy="name all columns of GROUP BY as `keys`, or group by the keys alone",
            )
