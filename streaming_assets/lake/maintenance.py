"""Maintenance: small files are merged, and files and log entries that no reader needs are deleted.

Bronze and Silver only grow, and a merge of their files goes together with a commit that adds some, so they are
merged while a refresh runs. The files of the other tables are replaced by refreshes, which a merge in between would
have refused. They are merged under the source's lock, as what is deleted is deleted under it: a file that a
writer has just written, and not yet named in the log, looks like one that a killed writer left.

A table that a refresh would refuse, as another writer changed it, is left alone: taking that back needs what would be
deleted here.

A merge is a commit of its own, which repeats what the newest batch recorded: so Bronze's newest commit still tells the
position. Where there is nothing to merge, nothing is committed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path

from streaming_assets.errors import ConcurrentWrite, StreamingAssetsError, TableBusy
from streaming_assets.faults import reach
from streaming_assets.lake.compaction import MERGE_FROM, MERGE_FROM_BESIDE_REFRESH, is_worth_it, merge_files
from streaming_assets.lake.failures import table_errors
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.lock import source_lock
from streaming_assets.lake.log import CHECKPOINT_AFTER, delete, expendable, log_entries, since_checkpoint
from streaming_assets.lake.opening import open_ours, open_table
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.lake.tables import LakeTable

__all__ = ["MERGE_FROM", "MERGE_FROM_BESIDE_REFRESH", "Maintained", "Outcome", "is_due", "maintain_source"]

_BESIDE_REFRESHES = ("bronze", "silver")
_REMOVED_FILES = "delta.deletedFileRetentionDuration"


@dataclass(frozen=True, slots=True, kw_only=True)
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
    log_deleted: int
    """Entries deleted from the table's log: no version inside the retention needs them."""
    log_entries: int
    """Entries that the log has afterwards."""
    bytes: int
    """Size of the data files after."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the maintenance of one table."""

    table: TableId
    """The table."""
    done: Maintained | None = None
    """What was done; None if there is no such table, or it could not be done."""
    error: StreamingAssetsError | None = None
    """Why it could not be done; the table is as it was, or has been merged in part."""

    @property
    def postponed(self) -> bool:
        """Whether a refresh was in the way, so that the next maintenance will do it."""
        return isinstance(self.error, ConcurrentWrite | TableBusy)


def maintain_source(  # noqa: PLR0913 - where, how long, and how much, by name
    tables: Sequence[TableId], home: Path, lake: Path, *, retention_hours: float, lock_timeout: float, min_files: int
) -> Iterator[Outcome]:
    """Maintain the tables of one source beside its refreshes, one after the other.

    Args:
        tables: The tables.
        home: Folder of all state, with the locks.
        lake: Folder of the tables.
        retention_hours: Files and log entries that became needless less than so many hours ago are kept.
        lock_timeout: Seconds to wait for a refresh.
        min_files: How many files of about the same size are worth a merge.
    """
    for table in tables:
        try:
            before = _merge(table, lake, min_files) if table.layer in _BESIDE_REFRESHES else None
            with source_lock(home, table.source, timeout=lock_timeout):
                if table.layer not in _BESIDE_REFRESHES:
                    before = _merge(table, lake, min_files)
                done = None if before is None else _tidy(table, lake, before, retention_hours)
        except StreamingAssetsError as error:
            yield Outcome(table, error=error)
        else:
            yield Outcome(table, done)


def is_due(tables: Sequence[TableId], lake: Path, *, min_files: int = MERGE_FROM_BESIDE_REFRESH) -> bool:
    """Tell whether there are tables with so many small files that it is worth merging them.

    Raises:
        TableError: A table can't be read.
    """
    opened = (open_table(table, lake) for table in tables)
    return any(table is not None and is_worth_it(table, min_files=min_files) for table in opened)


def _merge(table: TableId, lake: Path, min_files: int) -> int | None:
    """Merge small files; return how many files there were, None if there is no such table."""
    opened = open_ours(table, lake)
    if opened is None:
        return None
    before = len(opened.files())
    if before > 1:
        reach("compact.begin")
        for _merged in merge_files(opened, min_files=min_files):
            pass
        reach("compact.done")
    return before


def _tidy(table: TableId, lake: Path, files_before: int, retention_hours: float) -> Maintained | None:
    """Delete what nobody needs; whoever calls this sees to it that nobody writes the table."""
    opened = open_ours(table, lake)
    if opened is None:
        return None
    metadata = opened.commit_metadata() or {}
    _keep_removed_files(opened, retention_hours)
    deleted = opened.vacuum(retention_hours=retention_hours, metadata=metadata)
    reach("vacuum.done")
    if since_checkpoint(opened.path, opened.version) >= CHECKPOINT_AFTER:
        opened.checkpoint()
    log_deleted = _clean_log(opened, datetime.now(tz=UTC) - timedelta(hours=retention_hours))
    files = opened.files()
    return Maintained(
        table=table,
        files_before=files_before,
        files_after=len(files),
        deleted=len(deleted),
        log_deleted=log_deleted,
        log_entries=log_entries(opened.path),
        bytes=sum(file.size for file in files),
    )


def _keep_removed_files(opened: LakeTable, hours: float) -> None:
    """Have checkpoints name removed files for as long as vacuum keeps them, and no longer.

    Vacuum takes a file that is named no more for one that no version ever needed, and deletes it too early. And with
    Delta's default, a week, every checkpoint would name all files that a Gold table had in that week.
    """
    wanted = f"interval {max(1, ceil(hours))} hours"
    if opened.table_property(_REMOVED_FILES) != wanted:
        opened.set_table_property(_REMOVED_FILES, wanted)


def _clean_log(opened: LakeTable, before: datetime) -> int:
    """Delete log entries that no version younger than `before` needs; the newest batch's own is always kept."""
    with table_errors(opened.id, opened.path):
        own = opened.look().own
        if own is None and opened.batch != NO_BATCH:
            # Our newest commit is no longer in the log: only those of maintenance repeat what it recorded. Keep them.
            return 0
        keep = opened.version if own is None else own.version
        checkpoint, entries = expendable(opened.path, keep=keep, before=before)
        if checkpoint is None or not entries:
            return 0
        opened.expect_readable(checkpoint)
        return delete(entries)
