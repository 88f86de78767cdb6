"""A table's log: how long it is, and which of its entries nobody needs any more.

Where a checkpoint is, the entries before it are needed only for versions before it (Delta protocol, sections
"Checkpoints" and "Metadata Cleanup").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

_ENTRY = re.compile(r"(?P<version>\d{20})\.(?P<kind>.+)")
_COMMIT, _CHECKPOINT = "json", "checkpoint.parquet"

CHECKPOINT_AFTER = 100
"""Commits after which a checkpoint is written though no writer did: it was killed before it came to it."""


def log_entries(table: Path) -> int:
    """Return how many files the log of a table has: commits, checkpoints and what else bears a version."""
    return sum(1 for _ in _entries(table))


def since_checkpoint(table: Path, version: int) -> int:
    """Return how many commits a reader of the newest version has to read after the newest checkpoint."""
    return version - max((found for found, kind, _ in _entries(table) if kind == _CHECKPOINT), default=-1)


def expendable(table: Path, *, keep: int, before: datetime) -> tuple[int | None, list[Path]]:
    """Return which entries can be deleted, oldest first, and the checkpoint that stands for them.

    Every version from `keep` on, and every one younger than `before`, can be read afterwards. The checkpoint is
    older than `before`, too, so that whoever is about to open the table by an earlier one still can.

    Args:
        table: Folder of the table.
        keep: A version whose entry is needed.
        before: The time from which on all versions are needed.

    Returns:
        Version of the checkpoint, None if there is none that stands for anything; and the entries before it.
    """
    entries = sorted(_entries(table))
    moment = before.timestamp()
    young = [version for version, kind, path in entries if kind == _COMMIT and path.stat().st_mtime >= moment]
    needed = min([keep, *young])
    checkpoints = [
        version
        for version, kind, path in entries
        if kind == _CHECKPOINT and version <= needed and path.stat().st_mtime < moment
    ]
    if not checkpoints:
        return None, []
    return checkpoints[-1], [path for version, _, path in entries if version < checkpoints[-1]]


def delete(entries: list[Path]) -> int:
    """Delete entries of a log, in their order; return how many were there."""
    deleted = 0
    for entry in entries:
        with suppress(FileNotFoundError):
            entry.unlink()
            deleted += 1
    return deleted


def _entries(table: Path) -> Iterator[tuple[int, str, Path]]:
    for path in (table / "_delta_log").iterdir():
        if match := _ENTRY.fullmatch(path.name):
            yield int(match["version"]), match["kind"], path
