"""How the tables of a source stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from streaming_assets.contract import EventSource
from streaming_assets.lake import layout
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.tables import open_table


@dataclass(frozen=True, slots=True)
class TableState:
    """A table as it stands; all but the first are None where the table does not exist yet."""

    table: TableId
    """The table."""
    rows: int | None = None
    """Rows; of quarantine, those that no replay has released."""
    files: int | None = None
    """Data files."""
    bytes: int | None = None
    """Size of the data files."""
    version: int | None = None
    """Version of the Delta table."""
    batch: int | None = None
    """Last batch it contains."""
    committed_at: datetime | None = None
    """Time of the newest commit, UTC."""


def table_state(table: TableId, lake: Path) -> TableState:
    """Return how a table stands.

    Raises:
        TableError: It can't be read.
    """
    opened = open_table(table, lake)
    if opened is None:
        return TableState(table)
    files = opened.files()
    return TableState(
        table=table,
        rows=opened.rows(),
        files=len(files),
        bytes=sum(file.size for file in files),
        version=opened.version,
        batch=opened.batch,
        committed_at=opened.last_commit(),
    )


def source_state(source: EventSource, lake: Path) -> list[TableState]:
    """Return how all tables of a source stand; raises as `table_state`."""
    return [table_state(table, lake) for table in layout.tables_of(source)]
