"""What the newest entries of a table's log say: which commits are this framework's, and what others did since.

A commit is ours if its `txn` action has the table's application id and its `userMetadata` names the same
batch, whichever engine wrote it. Ours also say `checked`: the version up to which the log had been looked at
when they were made. So only what came after that has to be read, which nearly always is one small file.

The actions of a log entry are those of the Delta protocol (PROTOCOL.md, section "Actions").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

CHECKED = "checked"
"""Key in our commits' metadata: all versions up to this one had been looked at."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit in a table's log."""

    version: int
    """Version of the table that it made."""
    operation: str
    """What it says it did: `WRITE`, `DELETE`, `OPTIMIZE`, …"""
    engine: str
    """What wrote it."""
    at: datetime | None
    """When, UTC; None where it does not say."""
    batch: int | None
    """Version in its `txn` action of the table's application id; None without one."""
    metadata: Mapping[str, Any]
    """Its `userMetadata`; empty where that is no JSON object."""
    rows: bool
    """Whether it adds or removes data files in a way that changes rows; maintenance does not."""
    definition: bool
    """Whether it changes columns, properties or protocol."""

    @property
    def ours(self) -> bool:
        """Whether this framework wrote it."""
        return self.batch is not None and self.metadata.get("batch") == self.batch

    @property
    def foreign(self) -> bool:
        """Whether another writer changed what only this framework may change: rows, or the batch."""
        return not self.ours and (self.rows or self.batch is not None)

    @property
    def redefined(self) -> bool:
        """Whether another writer changed columns, properties or protocol; ours repeat the batch."""
        return self.definition and "batch" not in self.metadata

    def __str__(self) -> str:
        when = f", {self.at:%Y-%m-%d %H:%M:%S} UTC" if self.at else ""
        what = ["rows"] * self.rows + ["columns or properties"] * self.definition
        what += [f"the batch, to {self.batch}"] * (self.batch is not None)
        return f"version {self.version} ({self.operation} by {self.engine}{when}) changes {' and '.join(what)}"


@dataclass(frozen=True, slots=True)
class Recent:
    """What a table's newest log entries say."""

    own: Entry | None
    """Our newest commit; None if there is none, or the log no longer has it."""
    others: tuple[Entry, ...]
    """The commits of others that nobody has looked at yet, newest first."""

    @property
    def foreign(self) -> tuple[Entry, ...]:
        """Those that changed what only this framework may change, newest first."""
        return tuple(entry for entry in self.others if entry.foreign)


def entry_path(table: Path, version: int) -> Path:
    """Return where the log entry of a version lies."""
    return table / "_delta_log" / f"{version:020}.json"


def entry_lines(text: str) -> list[str]:
    r"""Return the lines of a log entry, each of which is an action as JSON.

    Only `\n` ends a line: texts in statistics may hold what `str.splitlines` takes for one, such as U+2028.
    """
    return [line for line in text.split("\n") if line.strip()]


def newest_version(table: Path, known: int) -> int:
    """Return the newest version, looking from a known one on."""
    while entry_path(table, known + 1).exists():
        known += 1
    return known


def recent(table: Path, app_id: str, newest: int, checked: int | None = None) -> Recent:
    """Read the log from the newest version down to what was looked at before.

    Args:
        table: Folder of the table.
        app_id: Application id in our `txn` actions.
        newest: The newest version.
        checked: Version that was looked at before; None takes it from our newest commit.

    Raises:
        ValueError: An entry is no text of JSON objects, one a line.
        OSError: An entry can't be read.
    """
    own: Entry | None = None
    others = []
    version = newest
    while version > (-1 if checked is None else checked):
        entry = _read(table, app_id, version)
        if entry is None:
            break  # the log goes back no further
        if not entry.ours:
            others.append(entry)
        elif own is None:
            own = entry
            checked = entry.metadata.get(CHECKED, version - 1) if checked is None else checked
        version -= 1
    return Recent(own, tuple(others))


def _read(table: Path, app_id: str, version: int) -> Entry | None:
    try:
        return _entry(version, entry_path(table, version).read_text(encoding="utf-8"), app_id)
    except FileNotFoundError:
        return None


def _entry(version: int, text: str, app_id: str) -> Entry:
    actions = [action for action in map(json.loads, entry_lines(text)) if isinstance(action, dict)]
    info: Mapping[str, Any] = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
    batches = [action["txn"]["version"] for action in actions if action.get("txn", {}).get("appId") == app_id]
    files = [action[kind] for action in actions for kind in ("add", "remove") if kind in action]
    timestamp = info.get("timestamp")
    return Entry(
        version=version,
        operation=str(info.get("operation", "unknown operation")),
        engine=str(info.get("engineInfo", "an unknown writer")),
        at=datetime.fromtimestamp(timestamp / 1000, tz=UTC) if isinstance(timestamp, int) else None,
        batch=batches[-1] if batches else None,
        metadata=_metadata(info.get("userMetadata")),
        rows=any(file.get("dataChange", True) for file in files),
        definition=version > 0 and any("metaData" in action or "protocol" in action for action in actions),
    )


def _metadata(text: object) -> Mapping[str, Any]:
    try:
        metadata = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return {}
    return metadata if isinstance(metadata, dict) else {}
