"""What must hold of a table before a refresh reads or writes it: nobody else changed it, or made it forget its batch.

What is looked at are the log's newest entries and the table's properties, both of which are there once a table
is opened; rows are left to `verify`. Maintenance by others (OPTIMIZE, VACUUM, checkpoints) is welcome. Our own wants
the same of a table, as it deletes what taking back needs.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from streaming_assets.errors import ForeignWrite, LogDamaged, UnsafeProperty
from streaming_assets.lake.damage import damage
from streaming_assets.lake.history import Recent, recent
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.remedies import rebuild_hint, refresh_command, spark_statement

_EXPIRES_BATCHES = "delta.setTransactionRetentionDuration"
_APPEND_ONLY = "delta.appendOnly"

UNDO = "--undo-foreign-writes"
"""Option of `refresh` that takes back what another writer did."""

_LASTING = (
    "; it can't be taken back, as a later commit of ours is built on it, or the log or files from before it are gone"
)

_TOLD = 3
"""How many commits of another writer an error names."""


def look(table: TableId, path: Path, newest: int, checked: int | None = None) -> Recent:
    """Return what the log says of commits that nobody has looked at yet.

    Raises:
        LogDamaged: An entry can't be read.
    """
    try:
        return recent(path, table.app_id, newest, checked)
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise damage(table, path) or LogDamaged(
            f"The log of table {table.name} is damaged.", found=f"{type(error).__name__}: {error}"
        ) from error


def expect_ours(table: TableId, path: Path, found: Recent) -> None:
    """Refuse a table whose rows or batch somebody else changed.

    Raises:
        ForeignWrite: The newest commits that change rows or batch are not all ours.
    """
    foreign = found.foreign
    if not foreign:
        return
    told = [str(entry) for entry in foreign[:_TOLD]]
    told += [f"and {len(foreign) - _TOLD} more"] * (len(foreign) > _TOLD)
    ways = [rebuild_hint(table, path)]
    undoable = undo_version(path, found) is not None
    if undoable:
        undo = refresh_command(table, UNDO)
        ways.insert(0, f"to take it back, and any change of columns or properties since: {undo}")
    raise ForeignWrite(
        f"Another writer changed table {table.name}.",
        found="; ".join(told),
        expected=f"rows and batch changed by this framework alone: commits with a txn of {table.app_id} and the same "
        "batch as userMetadata; others may compact, vacuum and set properties",
        meaning="rows may be missing, doubled or altered, and tables computed from them would be wrong; nothing was "
        f"read, written or deleted since{'' if undoable else _LASTING}",
        remedy="; or ".join(ways),
    )


def undo_version(path: Path, found: Recent) -> int | None:
    """Return the version that taking back what others did leads to.

    Args:
        path: Folder of the table.
        found: What its newest log entries say.

    Returns:
        The version; None if that would take back ours, too, or the log or the files of that version are gone.
    """
    changes = [entry.version for entry in found.others if entry.foreign or entry.redefined]
    target = min(changes, default=0) - 1
    reaches = target >= 0 and (found.own is None or found.own.version <= target)
    return target if reaches and _is_whole(path, target) else None


def _is_whole(path: Path, version: int) -> bool:
    """Tell whether the log still tells what a version had, and all its files are there."""
    try:
        actions = pa.table(DeltaTable(str(path), version=version).get_add_actions())
    except (DeltaError, OSError):
        return False
    return all((path / name).exists() for name in actions.column("path").to_pylist())


def expect_safe(table: TableId, path: Path, properties: Mapping[str, str], found: Recent) -> None:
    """Refuse a table with a property that makes it forget its batch, or that keeps rows from being replaced.

    Raises:
        UnsafeProperty: It has one.
    """
    if _EXPIRES_BATCHES in properties:
        undo = ""
        if undo_version(path, found) is not None:
            undo = "; or, without Spark, to take back all that others changed since the newest batch: "
            undo += refresh_command(table, UNDO)
        raise UnsafeProperty(
            f"A property of table {table.name} would make it forget which batch it contains.",
            found=f"{_EXPIRES_BATCHES} = {properties[_EXPIRES_BATCHES]}",
            expected="a table without it",
            meaning="once a batch number expires, everything would be written again; nothing was read or written",
            remedy=f"to unset it: {spark_statement(path, f'UNSET TBLPROPERTIES ({_EXPIRES_BATCHES!r})')}{undo}",
        )
    if properties.get(_APPEND_ONLY, "").lower() == "true" and table.layer == "gold":
        code = f"from deltalake import DeltaTable as T; T({str(path)!r}).alter.set_table_properties"
        command = shlex.quote(f"{code}({{{_APPEND_ONLY!r}: 'false'}})")
        raise UnsafeProperty(
            f"A property of table {table.name} keeps its rows from being replaced.",
            found=f"{_APPEND_ONLY} = true",
            expected="a table without it: late events change windows that are there already",
            meaning="nothing was read or written; the table is as it was",
            remedy=f"to allow it: `python -c {command}`; then {refresh_command(table)}",
        )
