"""The data files of a table, as its log names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file of a table."""

    path: str
    """Absolute path."""
    records: int
    """Number of rows."""
    size: int
    """Size in bytes."""
    low: Mapping[str, Any]
    """Smallest value of each column that has statistics."""
    high: Mapping[str, Any]
    """Largest value of each column that has statistics, or a larger one."""
    partition: Mapping[str, str] = field(default_factory=dict)
    """Values of the partition columns, as text."""
    modified: datetime | None = None
    """When it was written, UTC."""
    nulls: Mapping[str, int | None] = field(default_factory=dict)
    """Number of nulls in each column that has statistics."""

    def may_hold(self, column: str, low: Any, high: Any) -> bool:
        """Tell whether values from `low` to `high` may be in a column; without statistics of it they always may."""
        return bool(self.low.get(column, low) <= high and self.high.get(column, high) >= low)


def data_file(root: Path, row: Mapping[str, Any]) -> DataFile:
    """Return the file of one `add` action, flattened as deltalake gives it; `root` is the table's folder."""

    def of(prefix: str) -> dict[str, Any]:
        return {name[len(prefix) :]: value for name, value in row.items() if name.startswith(prefix)}

    return DataFile(
        path=str(root / row["path"]),
        records=row["num_records"],
        size=row["size_bytes"],
        low=of("min."),
        high={column: _upper_bound(value) for column, value in of("max.").items()},
        partition={column: str(value) for column, value in of("partition.").items()},
        modified=datetime.fromtimestamp(row["modification_time"] / 1000, tz=UTC),
        nulls=of("null_count."),
    )


def _upper_bound(value: Any) -> Any:
    # Statistics of times are cut off after the millisecond (Delta protocol, per-file statistics).
    if not isinstance(value, datetime):
        return value
    return value.replace(microsecond=value.microsecond // 1000 * 1000 + 999)
