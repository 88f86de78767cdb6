"""What reading and writing a table raises, as errors a person can act on."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from streaming_assets.errors import ConcurrentWrite, FileDamaged, StorageRefused, TableError, VersionVacuumed
from streaming_assets.lake.damage import damage
from streaming_assets.lake.features import refused_features
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.remedies import rebuild_hint, refresh_command

_REFUSALS = {code: os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)}
"""What the operating system says where storage takes no more; Rust's libraries pass its words on."""

_FILE = re.compile(r"""(?P<name>part-[^/\s"']+[.]parquet)""")
"""A data file in the text of an error."""

_UNREADABLE = ("Parquet error", "not found", "No such file")
"""What is in the text of errors about a data file that is gone or damaged."""


@contextmanager
def table_errors(table: TableId, path: Path) -> Iterator[None]:
    """Turn what delta-rs and Arrow raise about a table into our errors.

    Raises:
        ConcurrentWrite: Another writer committed first.
        StorageRefused: The storage is full, or read-only.
        LogDamaged: The table's log is damaged.
        FileDamaged: A data file is gone or damaged.
        VersionVacuumed: A version of the table lost files while it was read.
        TableError: Anything else.
        TableNotFoundError: There is no table; whoever opens it decides what that means.
    """
    try:
        yield
    except TableNotFoundError:
        raise
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise _explained(table, path, error) from error


def _explained(table: TableId, path: Path, error: Exception) -> TableError | ConcurrentWrite:
    found = next(iter(str(error).strip().splitlines()), type(error).__name__)
    refused = storage_refused(table, path, error)
    if refused is not None:
        return refused
    damaged = damage(table, path)
    if damaged is not None:
        return damaged
    features = refused_features(table, path, str(error))
    if features is not None:
        return features
    if isinstance(error, CommitFailedError):
        return ConcurrentWrite(
            f"Another writer committed to table {table.name} first.",
            found=found,
            expected="no other writer of this table",
            meaning="this write was refused as a whole; no row is duplicated",
            remedy="run the refresh again: it starts from what the table contains now",
        )
    if any(text in str(error) for text in _UNREADABLE):
        return unreadable_file(table, path, str(error))
    return TableError(
        f"Table {table.name} can't be read or written.",
        found=found,
        meaning="what was committed before is untouched; no row of the write that failed is in the table",
        remedy=f"fix the cause named above, then run {refresh_command(table)}",
    )


def unreadable_file(table: TableId, path: Path, text: str) -> FileDamaged | VersionVacuumed:
    """Return the error about a data file of a table that is gone, or is not what was written.

    Args:
        table: The table.
        path: Its folder.
        text: What reading raised; it names the file.
    """
    found = next(iter(text.strip().splitlines()), "")
    file = _FILE.search(text)
    if file is not None and not _is_needed(path, file["name"]):
        return _vacuumed(table, found)
    return FileDamaged(
        f"A data file of table {table.name} is gone or damaged.",
        found=found,
        expected="the data files that the table's log names, as they were written",
        meaning="its rows can't be read; nothing that needs them was written, and what was committed before stays",
        remedy=f"bring the file back from a backup and run {refresh_command(table)}; or, {rebuild_hint(table, path)}",
    )


def _is_needed(path: Path, name: str) -> bool:
    """Tell whether the newest version of a table names a data file."""
    try:
        return any(uri.endswith(f"/{name}") for uri in DeltaTable(str(path)).file_uris())
    except DeltaError:
        return True


def _vacuumed(table: TableId, found: str) -> VersionVacuumed:
    return VersionVacuumed(
        f"Table {table.name} was read for longer than the files of an old version are kept.",
        found=found,
        expected="the files of the version that was opened, for as long as it is read",
        meaning="the table is whole, as its newest version does not need the file; nothing was written",
        remedy="run the command again, which reads the newest version; where it takes that long each time, set "
        "STREAMING_ASSETS_VACUUM_RETENTION_HOURS to more hours, and let nobody else vacuum with fewer",
    )


def storage_refused(table: TableId, path: Path, error: Exception) -> StorageRefused | None:
    """Return the error about storage that is full or read-only; None if an error tells of something else."""
    code = next((code for code, text in _REFUSALS.items() if text in str(error)), None)
    if code is None:
        return None
    full = code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    free = f"{shutil.disk_usage(_existing(path)).free / 2**20:,.0f} MiB are free" if full else "it can't be written to"
    way = "make room there" if full else "let this user write there (`mount` and `ls -ld` tell what keeps it out)"
    what = "full" if full else "not open to this user" if code == errno.EACCES else "read-only"
    return StorageRefused(
        f"The storage of table {table.name} is {what}.",
        found=f"{_REFUSALS[code]} ({path}: {free})",
        expected="room for new files, and permission to write them",
        meaning="what was committed before is untouched; no row of the write that failed is in the table, and nothing "
        "is skipped",
        remedy=f"{way}, then run {refresh_command(table)}: it goes on after the last commit",
    )


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())
