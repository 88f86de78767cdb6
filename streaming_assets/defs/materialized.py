"""What a materialization says about its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import CODE_VERSION_TAG

from streaming_assets.contract import EventSource
from streaming_assets.defs.translator import table_key
from streaming_assets.lake import layout
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.opening import open_table
from streaming_assets.lake.positions import read_position
from streaming_assets.lake.schemas import IN_QUARANTINE
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.layers.state import table_state

_REASONS = f"""
SELECT reason, coalesce(field, '') AS field, count(*) AS records
FROM t WHERE {IN_QUARANTINE} GROUP BY reason, field ORDER BY records DESC, reason, field LIMIT 10
"""  # noqa: S608 - no data in it


def materialized(
    table: TableId,
    lake: Path,
    *,
    nothing: str,
    told: Mapping[str, Any],
    checks: Sequence[dg.AssetCheckResult] = (),
) -> dg.MaterializeResult[None]:
    """Say how a table stands after its refresh.

    Args:
        table: The table.
        lake: Folder of the tables.
        nothing: Why there is no table, should there be none.
        told: What this run did.
        checks: Results of checks; those of other tables are left alone.

    Raises:
        TableError: The table can't be read.
    """
    state = table_state(table, lake)
    key = table_key(table)
    batch = state.batch or NO_BATCH
    how_it_stands = {"batch": batch, "files": state.files or 0, "size_bytes": state.bytes or 0}
    version = {"note": nothing} if state.version is None else {"table_version": state.version}
    return dg.MaterializeResult(
        asset_key=key,
        metadata={"dagster/row_count": state.rows or 0, **told, **how_it_stands, **version},
        # A compaction makes a new version of the table, but only a new batch, or all rows made anew, other data.
        data_version=dg.DataVersion(f"{batch}.{state.generation}" if state.generation else str(batch)),
        # Rows of another definition than the present one keep the asset outdated, whoever wrote to the table since.
        tags={} if state.definition is None else {CODE_VERSION_TAG: state.definition},
        check_results=[each for each in checks if each.asset_key == key],
    )


def batch_of(table: TableId, lake: Path) -> int:
    """Return the last batch a table contains, `NO_BATCH` where it does not exist.

    Raises:
        TableError: The table can't be read.
    """
    opened = open_table(table, lake)
    return opened.batch if opened else NO_BATCH


def rows_of(table: TableId, lake: Path) -> int:
    """Return the number of rows of a table, 0 where it does not exist.

    Raises:
        TableError: It can't be read.
    """
    opened = open_table(table, lake)
    return opened.rows() if opened else 0


def position(source: EventSource, lake: Path) -> dict[str, Any]:
    """Return where Bronze goes on as metadata `position`; nothing where it does not exist.

    Raises:
        TableError: The table can't be read.
    """
    bronze = open_table(layout.bronze(source), lake)
    return {} if bronze is None else {"position": dg.MetadataValue.json(read_position(bronze).encode())}


def reasons(source: EventSource, lake: Path) -> dict[str, Any]:
    """Return the ten commonest reasons for quarantine as metadata `reasons`; nothing where none is quarantined.

    Raises:
        TableError: The table can't be read.
    """
    quarantine = open_table(layout.quarantine(source), lake)
    if quarantine is None or not quarantine.rows():
        return {}
    records = [dg.TableRecord(row) for row in quarantine.query(_REASONS).to_pylist()]
    return {"reasons": dg.MetadataValue.table(records)}
