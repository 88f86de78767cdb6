"""Which tables of a source have rows that another definition computed than the plugin has now."""

from __future__ import annotations

from pathlib import Path

from streaming_assets.contract import EventSource
from streaming_assets.lake import layout
from streaming_assets.lake.definition import present_definition
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.opening import open_table
from streaming_assets.lake.tables import LakeTable


def outdated_tables(source: EventSource, lake: Path) -> list[TableId]:
    """Return the tables that are not what the source's present definition makes of the table before them.

    Silver and quarantine stay so until they are rebuilt, and a Gold table until its next refresh. Tables that don't
    say by which definition they were computed, because they are older than that, count as up to date.

    Raises:
        TableError: A table can't be read.
    """
    opened = [open_table(table, lake) for table in layout.tables_of(source)]
    tables = [table for table in opened if table is not None]
    generation = next((table.generation for table in tables if table.id.layer == "silver"), 0)
    return [table.id for table in tables if _is_outdated(source, table, generation)]


def _is_outdated(source: EventSource, table: LakeTable, generation: int) -> bool:
    if table.id.layer == "gold" and table.generation != generation:
        return True
    present = present_definition(source, table.id)
    return present is not None and table.definition not in (None, present)
