"""Opens tables at their newest version, and creates those that do not exist."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from stat import S_ISDIR
from typing import TypeVar

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from streaming_assets.contract import EventSource
from streaming_assets.errors import TableError, VersionVacuumed
from streaming_assets.lake.columns import other_columns, wrong_columns
from streaming_assets.lake.definition import present_definition
from streaming_assets.lake.failures import table_errors
from streaming_assets.lake.features import expect_readable
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.schemas import PARTITIONING, STATISTICS, schema_of, statistics
from streaming_assets.lake.tables import LakeTable

_CHECKPOINT_INTERVAL = 10
"""Commits from one checkpoint to the next: whoever opens the table reads the entries after it one by one."""

Result = TypeVar("Result")


def open_table(table: TableId, lake: Path) -> LakeTable | None:
    """Open the newest version of a table; None if there is no such table.

    Raises:
        TableError: There is something, but it can't be read as this framework needs it.
    """
    path = table.path(lake)
    try:
        with table_errors(table, path):
            if not _has_log(path):
                return None
            opened = LakeTable(table, path, DeltaTable(str(path)))
    except TableNotFoundError:
        return None
    expect_readable(table, path, opened._delta)  # noqa: SLF001 - no one else needs the handle
    return opened


def _has_log(path: Path) -> bool:
    # `Path.is_dir` would say no, too, where a file lies in the way, which is something else than no table.
    try:
        return S_ISDIR((path / "_delta_log").stat().st_mode)
    except FileNotFoundError:
        return False


def read_newest(table: TableId, lake: Path, read: Callable[[LakeTable | None], Result]) -> Result:
    """Read the newest version of a table; where that loses files to a vacuum meanwhile, read the then newest one.

    For those who read without the source's lock, under which vacuums are.

    Args:
        table: The table.
        lake: Folder of the tables.
        read: Reads what it is given, None if there is no such table; it may be called twice.

    Raises:
        VersionVacuumed: That happened again.
        TableError: The table can't be read.
    """
    try:
        return read(open_table(table, lake))
    except VersionVacuumed:
        return read(open_table(table, lake))


def open_ours(table: TableId, lake: Path) -> LakeTable | None:
    """Open a table as `open_table`, for a refresh that reads or writes it.

    Raises:
        ForeignWrite: Another writer changed its rows or its batch.
        UnsafeProperty: A property would make it forget its batch, or keeps it from being written.
        TableError: There is something, but it can't be read as this framework needs it.
    """
    opened = open_table(table, lake)
    if opened is not None:
        opened.expect_ours()
    return opened


def open_or_create(source: EventSource, table: TableId, lake: Path, *, description: str = "") -> LakeTable:
    """Open the newest version of a table to write it, creating it empty where it does not exist.

    Raises:
        ConcurrentWrite: It had to be mended, and another writer committed to it meanwhile.
        DefinitionChanged: The definition has other columns than the table, which another one made.
        TableError: The table can't be read or created, or somebody changed its columns.
    """
    schema, present = schema_of(source, table), present_definition(source, table)
    opened = open_ours(table, lake)
    if opened is None:
        try:
            opened = _create(table, lake, schema, description)
        except TableError:
            opened = open_ours(table, lake)  # another writer may have made it meanwhile
            if opened is None:
                raise
    if found := other_columns(opened.arrow_schema(), schema):
        raise wrong_columns(table, opened.path, found, changed=opened.definition != present)
    opened.present = present
    opened.mend_statistics()
    return opened


def _create(table: TableId, lake: Path, schema: pa.Schema, description: str) -> LakeTable:
    path = table.path(lake)
    with table_errors(table, path):
        path.mkdir(parents=True, exist_ok=True)
        delta = DeltaTable.create(
            str(path),
            schema=schema,
            name=table.name,
            description=description,
            partition_by=list(PARTITIONING.get(table.layer, ())),
            configuration={
                STATISTICS: ",".join(statistics(schema)),
                "delta.checkpointInterval": str(_CHECKPOINT_INTERVAL),
            },
        )
    created = LakeTable(table, path, delta)
    created.expect_ours()
    return created
