"""Taking back what another writer did to the tables of a source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streaming_assets.contract import EventSource
from streaming_assets.errors import ForeignWrite, UnsafeProperty
from streaming_assets.lake import layout
from streaming_assets.lake.guards import undo_version
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.opening import open_table
from streaming_assets.lake.tables import LakeTable


@dataclass(frozen=True, slots=True)
class Undone:
    """A table that is again what this framework had made of it."""

    table: TableId
    """The table."""
    commits: tuple[str, ...]
    """What was taken back, oldest first: a line for each commit."""


def undo_foreign_writes(source: EventSource, lake: Path) -> Iterator[Undone]:
    """Take back, in one commit each, what others did to tables of a source that a refresh would refuse.

    Columns and properties that they changed since are taken back, too. Tables that are as they should be are left
    alone.

    Raises:
        ForeignWrite: A later commit of ours is built on it, or the log or the files of the version before are gone;
            the error names the other ways out.
        UnsafeProperty: It was set before our newest commit, or the same is gone.
        TableError: A table can't be read.
    """
    for identity in layout.tables_of(source):
        opened = open_table(identity, lake)
        if opened is not None:
            yield from _undo(opened)


def _undo(opened: LakeTable) -> Iterator[Undone]:
    try:
        opened.expect_ours()
    except (ForeignWrite, UnsafeProperty):
        found = opened.look()
        version = undo_version(opened.path, found)
        if version is None:
            raise
        ours = found.own
        batch = ours.batch if ours is not None and ours.batch is not None else opened.batch
        opened.restore(version, batch=batch, metadata=ours.metadata if ours else {})
        yield Undone(opened.id, tuple(str(entry) for entry in reversed(found.others) if entry.version > version))
