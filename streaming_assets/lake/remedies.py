"""The exact commands that errors about tables name as ways out."""

from __future__ import annotations

import shlex
from itertools import chain, count
from pathlib import Path

from streaming_assets.lake.layout import TableId


def refresh_command(table: TableId, *options: str) -> str:
    """Return the command that refreshes the table's source."""
    return f"`{' '.join(['streaming-assets refresh', table.source, *options])}`"


def rebuild_hint(table: TableId, path: Path) -> str:
    """Return how a table's rows are made anew where it can be opened."""
    if table.layer == "bronze":
        return from_scratch_hint(table, path)
    layer = "gold" if table.layer == "gold" else "silver"
    return f"to compute it again from Bronze, which has every record: {refresh_command(table, '--rebuild', layer)}"


def from_scratch_hint(table: TableId, path: Path) -> str:
    """Return how a table that can't be opened is made anew, together with what is computed from it."""
    source = path.parents[1] if table.layer == "gold" else path.parent
    if table.layer == "bronze":
        kept = keep_aside_command(table, source)
        return f"to keep the tables aside and begin with what Kafka still holds (nothing else has the rest): {kept}"
    folders = [path] if table.layer == "gold" else [source / layer for layer in ("silver", "quarantine", "gold")]
    removed = f"`rm -r {' '.join(map(_quoted, folders))} && {_refresh(table)}`"
    return f"to compute it again from Bronze, which has every record: {removed}"


def keep_aside_command(table: TableId, source: Path) -> str:
    """Return the command that keeps the folder of all tables of a source aside, and begins with what Kafka holds."""
    return f"`mv {_quoted(source)} {_quoted(_free(source, 'before'))} && {_refresh(table)}`"


def put_aside_command(table: TableId, *files: Path) -> str:
    """Return the command that takes damaged files out of a log and refreshes."""
    moved = " && ".join(f"mv {_quoted(file)} {_quoted(_free(file, 'damaged'))}" for file in files)
    return f"`{moved} && {_refresh(table)}`"


def spark_statement(path: Path, statement: str) -> str:
    """Return a statement for Spark about the table in a folder: `ALTER TABLE {statement}`."""
    return f"`ALTER TABLE delta.`{path}` {statement}` in Spark"


def _refresh(table: TableId) -> str:
    return refresh_command(table).strip("`")


def _free(path: Path, ending: str) -> Path:
    """Return a name beside a path that nothing has yet."""
    names = chain([f"{path.name}.{ending}"], (f"{path.name}.{ending}-{number}" for number in count(2)))
    return next(path.with_name(name) for name in names if not path.with_name(name).exists())


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
