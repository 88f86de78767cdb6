"""What is wrong with a table's log, and how to go on, where the Delta library can't open it.

A log entry is written whole or not at all; what is found here is what disks, copies and people do to files.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from streaming_assets.errors import LogDamaged
from streaming_assets.lake.history import entry_lines, entry_path
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.remedies import from_scratch_hint, put_aside_command

_HINT = "_last_checkpoint"


def damage(table: TableId, path: Path) -> LogDamaged | None:
    """Look for what is damaged in a table's log; None if nothing is found.

    Returns:
        The error that says what it is, and the command for each way out.
    """
    log = path / "_delta_log"
    versions = sorted(int(file.stem) for file in log.glob("*.json") if file.stem.isdigit())
    checkpoints = {int(file.name.split(".")[0]): file for file in sorted(log.glob("*.checkpoint*.parquet"))}
    good = [version for version, file in checkpoints.items() if _readable(file)]
    base = max(good, default=-1)
    hinted = _hinted(log / _HINT)
    needed = range(base + 1, max([base, *versions, *checkpoints, -1 if hinted is None else hinted]) + 1)
    missing = [version for version in needed if version not in versions]
    broken = [version for version in versions if version in needed and not _parses(entry_path(path, version))]
    bad = [file for version, file in checkpoints.items() if version not in good]
    if bad or (hinted is not None and hinted not in checkpoints):
        return _checkpoint(table, path, [*bad, *([log / _HINT] if hinted is not None else [])], missing or broken)
    if missing:
        return _entries(table, path, f"no log entry of version {_names(missing)}", None)
    if base >= 0 and base not in versions and base == max([*versions, base]):
        return _newest_entry_gone(table, path, base)
    if broken:
        newest = entry_path(path, broken[0]) if broken == [max(versions)] else None
        return _entries(table, path, f"a log entry that is no JSON: version {_names(broken)}", newest)
    return None


def _checkpoint(table: TableId, path: Path, files: list[Path], incomplete: list[int]) -> LogDamaged:
    found = "a checkpoint that can't be read, or is gone: " + ", ".join(file.name for file in files)
    if incomplete:
        return _error(table, found, "what came before the checkpoint is nowhere else in the log", _lost(table, path))
    meaning = "nothing is lost: the log's entries have all that the checkpoint had"
    return _error(table, found, meaning, f"to go on without the checkpoint: {put_aside_command(table, *files)}")


def _newest_entry_gone(table: TableId, path: Path, version: int) -> LogDamaged:
    entry = entry_path(path, version)
    command = f"`echo '{json.dumps({'commitInfo': {}})}' > {shlex.quote(str(entry))}`"
    return _error(
        table,
        f"no log entry of version {version}, the newest; its checkpoint is there",
        "no row is lost: the checkpoint has all of them",
        f"bring the file back from a backup; or put an empty entry in its place: {command}",
    )


def _entries(table: TableId, path: Path, found: str, half_written: Path | None) -> LogDamaged:
    if half_written is None:
        return _error(table, found, "what that commit changed is not known any more", _lost(table, path))
    return _error(
        table,
        found,
        "it is the newest commit, and lost; what was committed before is as it was, and the refresh does again what "
        "it brought",
        f"to go on from the commit before: {put_aside_command(table, half_written)}",
    )


def _lost(table: TableId, path: Path) -> str:
    return f"bring the file back from a backup; or, {from_scratch_hint(table, path)}"


def _error(table: TableId, found: str, meaning: str, remedy: str) -> LogDamaged:
    return LogDamaged(
        f"The log of table {table.name} is damaged.",
        found=found,
        expected="every log entry since the newest checkpoint, and the checkpoint, as they were written",
        meaning=f"{meaning}; nothing was read or written",
        remedy=remedy,
    )


def _names(versions: list[int]) -> str:
    return ", ".join(map(str, versions))


def _readable(file: Path) -> bool:
    try:
        parquet.read_table(file, columns=["txn"])
    except (OSError, pa.ArrowException):
        return False
    return True


def _parses(file: Path) -> bool:
    try:
        return all(isinstance(json.loads(line), dict) for line in entry_lines(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return False


def _hinted(file: Path) -> int | None:
    try:
        return int(json.loads(file.read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
