"""One version of a Delta table, to be read: rows and files, and what its log says of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, QueryBuilder

from streaming_assets.lake import guards
from streaming_assets.lake.failures import table_errors
from streaming_assets.lake.files import DataFile, data_file
from streaming_assets.lake.history import CHECKED, Recent
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.schemas import IN_QUARANTINE

NO_BATCH = 0
"""The batch of a table that contains none; batches count from 1."""

_MAINTENANCE = ("OPTIMIZE", "VACUUM", "SET TBLPROPERTIES")
"""How the operations begin that change no row."""

_COUNT_QUARANTINED = f"SELECT count(*) AS rows FROM t WHERE {IN_QUARANTINE}"  # noqa: S608 - no data in it


class Snapshot:
    """A Delta table at one version."""

    def __init__(self, table: TableId, path: Path, delta: DeltaTable) -> None:
        """Wrap an opened table; use `open_table` or `open_or_create`."""
        self.id = table
        self.path = path
        self._delta = delta
        self.last_metadata: Mapping[str, Any] = {}  # with our newest commit, as far as `expect_ours` has seen one
        self._checked: int | None = None  # up to this version nobody else changed rows
        self.present: str | None = None  # version of the definition that new rows are computed by, where it is known

    @property
    def version(self) -> int:
        """Version of the snapshot."""
        return int(self._delta.version())

    @property
    def batch(self) -> int:
        """Last batch the table contains, `NO_BATCH` if none."""
        return int(self._delta.transaction_version(self.id.app_id) or NO_BATCH)

    @property
    def replayed(self) -> int:
        """Batch of the last replay of quarantine that the table contains, `NO_BATCH` if none."""
        return int(self._delta.transaction_version(self._replay_id) or NO_BATCH)

    @property
    def _replay_id(self) -> str:
        return f"{self.id.app_id}.replay"

    @property
    def generation(self) -> int:
        """How often Silver and quarantine were made anew; of a Gold table, which of Silver's it was computed from."""
        return int(self._delta.transaction_version(self._generation_id) or 0)

    @property
    def _generation_id(self) -> str:
        return f"{self.id.app_id}.generation"

    @property
    def definition(self) -> str | None:
        """Version of the definition that all rows were computed by; None where nothing says so."""
        metadata = self.last_metadata or (None if self.id.layer == "bronze" else self.commit_metadata()) or {}
        return metadata.get("definition")

    def look(self) -> Recent:
        """Return what others committed that nobody has looked at yet; see `history.recent`."""
        return guards.look(self.id, self.path, self.version)

    def expect_ours(self) -> None:
        """Refuse to go on with a table that others changed, and remember how far its log was looked at.

        Raises:
            ForeignWrite: Another writer changed rows or batch.
            UnsafeProperty: A property would make the table forget its batch, or keeps it from being written.
        """
        found = self.look()
        guards.expect_safe(self.id, self.path, self._delta.metadata().configuration, found)
        guards.expect_ours(self.id, self.path, found)
        self._checked = self.version
        self.last_metadata = found.own.metadata if found.own else {}

    def commit_metadata(self) -> dict[str, Any] | None:
        """Return what was recorded with the batch the table contains; None where the log no longer tells.

        A compaction repeats what it found. If a batch was committed meanwhile, that is older than the table.
        """
        batch = self.batch
        for limit in (1, 20, None):  # nearly always the newest commit is ours; the whole log can be long
            for commit in self._delta.history(limit):
                metadata = _own_metadata(commit)
                if metadata is not None and metadata["batch"] == batch:
                    return metadata
        return None

    def recorded(self) -> list[dict[str, Any]]:
        """Return what was recorded with every batch as far back as the log tells, newest first.

        Maintenance is left out, which only repeats what it found: a merge beside a refresh repeats a batch that is no
        longer the newest one, and its commit may stay in the log when the batch's own is deleted.
        """
        with table_errors(self.id, self.path):
            history = self._delta.history()
        commits = [commit for commit in history if _brings_something(commit)]
        return [metadata for metadata in map(_own_metadata, commits) if metadata is not None]

    def table_property(self, name: str) -> str | None:
        """Return a property of the table; unlike what a commit records, it lasts longer than the log."""
        value = self._delta.metadata().configuration.get(name)
        return None if value is None else str(value)

    def last_commit(self) -> datetime:
        """Return the time of the newest commit that brought rows or a batch; maintenance brings neither."""
        for limit in (5, None):
            commits = self._delta.history(limit)
            data = [commit for commit in commits if _brings_something(commit)]
            if data:
                break
        return datetime.fromtimestamp((data or commits)[0]["timestamp"] / 1000, tz=UTC)

    def rows(self) -> int:
        """Return the number of rows, from the table's log; of quarantine, the rows that no replay has released."""
        if self.id.layer != "quarantine":
            return sum(file.records for file in self.files())
        counts = [file.nulls.get("released_batch") for file in self.files()]
        known = [count for count in counts if count is not None]
        if len(known) == len(counts):
            return sum(known)
        return int(self.query(_COUNT_QUARANTINED).column("rows")[0].as_py())

    def files(self, *, newer_than: int | None = None) -> list[DataFile]:
        """Return the data files, or those that may hold batches after `newer_than`."""
        actions = pa.table(self._delta.get_add_actions(flatten=True))
        if newer_than is not None and "max.batch" in actions.column_names:
            newest = actions.column("max.batch")
            actions = actions.filter(pc.or_kleene(pc.greater(newest, newer_than), pc.is_null(newest)))
        return [data_file(self.path, row) for row in actions.to_pylist()]

    def arrow_schema(self) -> pa.Schema:
        """Return the columns the table has now."""
        return pa.schema(self._delta.schema().to_arrow())

    def query(self, sql: str) -> pa.Table:
        """Run SQL (DataFusion's dialect) over the snapshot, which is there as the table `t`."""
        with table_errors(self.id, self.path):
            return pa.table(QueryBuilder().register("t", self._delta).execute(sql))

    def expect_readable(self, version: int) -> None:
        """Open an older version.

        Raises:
            TableError: It can't be read.
        """
        with table_errors(self.id, self.path):
            DeltaTable(str(self.path), version=version)


def _brings_something(commit: Mapping[str, Any]) -> bool:
    operation = commit.get("operation")  # an empty commit of another writer may name none
    return operation is not None and not operation.startswith(_MAINTENANCE)


def _own_metadata(commit: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        metadata = json.loads(commit.get("userMetadata") or "null")
    except ValueError:
        return None
    if not isinstance(metadata, dict) or "batch" not in metadata:
        return None
    return {key: value for key, value in metadata.items() if key != CHECKED}
