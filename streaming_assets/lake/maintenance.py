"""Compaction and vacuum."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from streaming_assets.faults import reach
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.tables import open_table


@dataclass(frozen=True, slots=True)
class Maintained:
    """What maintenance did to a table."""

    table: TableId
    """The table."""
    files_before: int
    """Data files before."""
    files_after: int
    """Data files after."""
    deleted: int
    """Files deleted from storage, no longer needed by any version inside the retention."""


def maintain(table: TableId, lake: Path, *, retention_hours: float) -> Maintained | None:
    """Merge a table's small files and delete files that no retained version needs; None if it does not exist.

    Compaction repeats what the newest commit recorded (a Bronze position stays in the newest commit), and
    commits only where there is something to merge.

    Raises:
        ConcurrentWrite: A refresh replaced rows meanwhile; nothing was changed.
        TableError: The table can't be read or written.
    """
    opened = open_table(table, lake)
    if opened is None:
        return None
    before = len(opened.files())
    if before > 1:
        reach("compact.begin")
        opened.compact(metadata=opened.commit_metadata() or {})
        reach("compact.done")
    deleted = opened.vacuum(retention_hours=retention_hours)
    reach("vacuum.done")
    return Maintained(table, before, len(opened.files()), len(deleted))
