"""How the tables of a source stand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from streaming_assets.contract import EventSource
from streaming_assets.lake import layout
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.opening import read_newest
from streaming_assets.lake.tables import LakeTable
from streaming_assets.layers.outdated import outdated_tables


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
    definition: str | None = None
    """Version of the definition that all rows were computed by; None where nothing says so."""
    generation: int | None = None
    """How often Silver and quarantine were made anew; of a Gold table, which of Silver's it was computed from."""
    outdated: bool = False
    """Whether the plugin's present definition is another one; told of the tables of a source."""


def table_state(table: TableId, lake: Path) -> TableState:
    """Return how a table stands.

    Raises:
        TableError: It can't be read.
    """
    return read_newest(table, lake, lambda opened: _state(table, opened))


def _state(table: TableId, opened: LakeTable | None) -> TableState:
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
        definition=opened.definition,
        generation=opened.generation,
    )


def source_state(source: EventSource, lake: Path) -> list[TableState]:
    """Return how all tables of a source stand; raises as `table_state`."""
    outdated = outdated_tables(source, lake)
    states = [table_state(table, lake) for table in layout.tables_of(source)]
    return [replace(state, outdated=state.table in outdated) for state in states]
