"""One Delta table, opened at one version: every write says which batch it contains and is fenced.

A write carries a `txn` action (application id of the table, version = last batch it contains). Delta's
protocol leaves it to writers to respect it; delta-rs refuses a commit only if another one with the same
application id came after the snapshot the writer holds. So a table is loaded once, its batch is compared
with what is to be written, and the write goes through that very snapshot.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    QueryBuilder,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import TableNotFoundError

from streaming_assets.contract import EventSource
from streaming_assets.errors import ConcurrentWrite, TableError
from streaming_assets.faults import reach, then_reach
from streaming_assets.lake import guards
from streaming_assets.lake.columns import other_columns, wrong_columns
from streaming_assets.lake.definition import definition_with, present_definition
from streaming_assets.lake.failures import table_errors
from streaming_assets.lake.history import CHECKED, Recent, newest_version
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.schemas import PARTITIONING, schema_of
from streaming_assets.lake.staging import link_files

WRITER = WriterProperties(
    compression="ZSTD",  # half the size of LZ4 at nearly the same speed on JSON
    compression_level=1,
    max_row_group_size=2**14,  # readers work on row groups in parallel, so a batch has to have several
    # Values hardly repeat; without a dictionary the file's footer tells their true size.
    column_properties={"value": ColumnProperties(dictionary_enabled=False)},
)

_GOLD_FILE_BYTES = 8 * 2**20
"""A Gold commit replaces whole files: small ones keep what is written close to what is touched."""

_FILE_BYTES = 32 * 2**20
"""Size of the other layers' files, once compacted: whoever reads Bronze again works file by file."""

_CHECKPOINT_INTERVAL = 10
"""Commits from one checkpoint to the next: whoever opens the table reads the entries after it one by one."""

_NO_CLEANUP = PostCommitHookProperties(cleanup_expired_logs=False)
"""delta-rs would look through the whole log with every commit; `lake.log` cleans it up now and then."""

NO_BATCH = 0
"""The batch of a table that contains none; batches count from 1."""

_MAINTENANCE = ("OPTIMIZE", "VACUUM", "SET TBLPROPERTIES")
"""How the operations begin that change no row."""

_IN_QUARANTINE = "SELECT count(*) AS rows FROM t WHERE released_batch IS NULL"

_STATISTICS = "delta.dataSkippingStatsColumns"

_UNREADABLE_FEATURES = frozenset({"deletionVectors", "columnMapping"})


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file of a table."""

    path: str
    """Absolute path."""
    records: int
    """Number of rows."""
    size: int
    """Size in bytes."""
    low: Mapping[str, Any]
    """Smallest value of each column that has statistics."""
    high: Mapping[str, Any]
    """Largest value of each column that has statistics, or a larger one."""
    partition: Mapping[str, str] = field(default_factory=dict)
    """Values of the partition columns, as text."""
    modified: datetime | None = None
    """When it was written, UTC."""
    nulls: Mapping[str, int | None] = field(default_factory=dict)
    """Number of nulls in each column that has statistics."""


class LakeTable:
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

    def append(
        self,
        rows: pa.Table | pa.RecordBatchReader,
        *,
        batch: int,
        metadata: Mapping[str, Any],
        replay: bool = False,
    ) -> None:
        """Append rows in one commit that says the table now contains `batch`.

        Args:
            rows: The rows, in the table's schema; may be empty.
            batch: Last batch the table contains afterwards; higher than before.
            metadata: What is recorded with the commit, as JSON in `userMetadata`.
            replay: Whether the batch is that of a replay of quarantine.

        Raises:
            ConcurrentWrite: Another writer committed a batch since the table was opened.
            TableError: The table can't be written.
        """
        self._expect_before(batch)
        self._write(rows, batch, metadata, batch if replay else None, mode="append")

    def complete(self, rows: pa.Table, *, metadata: Mapping[str, Any], replay: int | None = None) -> None:
        """Append rows that the batches lack which the table contains already; `replay` and errors as for `rewrite`."""
        self._write(rows, self.batch, metadata, replay, mode="append")

    def replace(
        self,
        rows: pa.Table | pa.RecordBatchReader,
        *,
        where: str | None,
        batch: int,
        metadata: Mapping[str, Any],
        generation: int | None = None,
    ) -> None:
        """Replace the rows that meet `where` (all rows if None) in one commit; errors as for `append`.

        Args:
            rows: The new rows; each must meet `where`.
            where: SQL condition over the table's columns.
            batch: Last batch the table contains afterwards; higher than before.
            metadata: What is recorded with the commit.
            generation: The generation of Silver that they are computed from; None leaves that as it is.
        """
        self._expect_before(batch)
        # Without a condition delta-rs takes the commit for one that reads nothing: files that a compaction has merged
        # meanwhile would stay, and their rows would be there besides the new ones.
        self._write(rows, batch, metadata, generation=generation, mode="overwrite", predicate=where or "true")

    def rewrite(
        self, rows: pa.Table | pa.RecordBatchReader, *, where: str, replay: int | None, metadata: Mapping[str, Any]
    ) -> None:
        """Replace the rows that meet `where` by the same records, told anew; errors as for `append`.

        Args:
            rows: As many rows of the same records; each must meet `where`.
            where: SQL condition over the table's columns.
            replay: Batch of the replay that the table contains afterwards; None leaves that as it is.
            metadata: What is recorded with the commit.
        """
        batch = max(self.batch, replay or NO_BATCH)
        self._write(rows, batch, metadata, replay, mode="overwrite", predicate=where)

    def recompute(
        self, rows: pa.Table | pa.RecordBatchReader, *, batch: int, generation: int, metadata: Mapping[str, Any]
    ) -> None:
        """Replace all rows, and the columns by those of the new ones, in one commit; errors as for `append`.

        Args:
            rows: The new rows.
            batch: Last batch the table contains afterwards, whatever it contained before.
            generation: The generation of Silver that they are computed from.
            metadata: What is recorded with the commit.
        """
        self._set_statistics(rows.schema)
        how: dict[str, Any] = {"mode": "overwrite", "schema_mode": "overwrite", "predicate": "true"}  # as in `replace`
        self._write(rows, batch, metadata, generation=generation, **how)

    def take_over(
        self, staged: LakeTable, *, batch: int, generation: int, metadata: Mapping[str, Any], replay: int | None = None
    ) -> None:
        """Replace all rows and the columns by those of a staged table, in one commit; errors as for `append`.

        Args:
            staged: The table whose files this one has afterwards, too.
            batch: Last batch the table contains afterwards, whatever it contained before.
            generation: Its generation afterwards.
            metadata: What is recorded with the commit.
            replay: Batch of the replay that it contains afterwards; None leaves that as it is.
        """
        self._set_statistics(staged.arrow_schema())
        told = {self.id.app_id: batch, self._generation_id: generation}
        told |= {} if replay is None else {self._replay_id: replay}
        metadata = {"batch": batch, **metadata}
        properties = self._properties(told, metadata)
        # Nothing is read, so that delta-rs would see no conflict with a compaction, and keep what that has merged.
        properties.max_commit_retries = 0
        with table_errors(self.id, self.path):
            self._delta.create_write_transaction(
                [*link_files(staged.path, self.path)],
                "overwrite",
                staged._delta.schema(),
                partition_by=list(PARTITIONING.get(self.id.layer, ())),
                commit_properties=properties,
                post_commithook_properties=_NO_CLEANUP,
            )
        self.last_metadata = metadata

    def _set_statistics(self, schema: pa.Schema) -> None:
        """Let the log have statistics of the columns that the table is about to have."""
        columns = ",".join(_statistics(schema))
        if self.table_property(_STATISTICS) != columns:
            self.set_table_property(_STATISTICS, columns)

    def _write(
        self,
        rows: pa.Table | pa.RecordBatchReader,
        batch: int,
        metadata: Mapping[str, Any],
        replay: int | None = None,
        *,
        generation: int | None = None,
        **how: Any,
    ) -> None:
        told = {self.id.app_id: batch, **({} if replay is None else {self._replay_id: replay})}
        told |= {} if generation is None else {self._generation_id: generation}
        self._look_again()
        brings = not isinstance(rows, pa.Table) or rows.num_rows > 0
        definition = definition_with(self.definition, self.present, rows=brings)
        metadata = {"batch": batch, **({} if definition is None else {"definition": definition}), **metadata}
        properties = self._properties(told, metadata)
        layer = self.id.layer
        reach(f"{layer}.computed")
        batches = rows.to_batches() if isinstance(rows, pa.Table) else rows
        reader = pa.RecordBatchReader.from_batches(rows.schema, then_reach(iter(batches), f"{layer}.written"))
        with table_errors(self.id, self.path):
            write_deltalake(
                self._delta,
                reader,
                writer_properties=WRITER,
                target_file_size=self.file_bytes,
                commit_properties=properties,
                post_commithook_properties=_NO_CLEANUP,
                **how,
            )
        self.last_metadata = metadata
        if self._checked == self.version - 1:
            self._checked = self.version
        reach(f"{layer}.committed")

    def restore(self, version: int, *, batch: int, metadata: Mapping[str, Any]) -> None:
        """Bring rows, columns, properties and batch back to what they were at a version, in one commit.

        Args:
            version: A version at which the table contained `batch`.
            batch: Last batch the table contains afterwards.
            metadata: What was recorded with it.

        Raises:
            ConcurrentWrite: Another writer committed to the table since it was opened.
            TableError: Files of that version are gone, or the table can't be written.
        """
        told = {"batch": batch, **metadata, CHECKED: self.version}
        with table_errors(self.id, self.path):
            properties = self._properties({self.id.app_id: batch}, told)
            self._delta.restore(version, protocol_downgrade_allowed=True, commit_properties=properties)

    def _properties(self, batches: Mapping[str, int], metadata: Mapping[str, Any]) -> CommitProperties:
        checked = {} if self._checked is None else {CHECKED: self._checked}
        return CommitProperties(
            # `last_updated` stays unset: one that is set can be expired by a table property, and the batch with it.
            app_transactions=[Transaction(app_id, version) for app_id, version in batches.items()],
            custom_metadata={"userMetadata": json.dumps({**checked, **metadata}, sort_keys=True)},
        )

    def look(self) -> Recent:
        """Return what others committed that nobody has looked at yet; see `history.recent`."""
        return guards.look(self.id, self.path, self.version)

    def expect_ours(self) -> None:
        """Refuse to go on with a table that others changed, and remember how far its log was looked at.

        Raises:
            ForeignWrite: Another writer changed rows or batch.
            UnsafeProperty: A property would make the table forget its batch, or keeps it from being written.
        """
        guards.expect_safe(self.id, self.path, self._delta.metadata().configuration)
        found = self.look()
        guards.expect_ours(self.id, self.path, found)
        self._checked = self.version
        self.last_metadata = found.own.metadata if found.own else {}

    def _look_again(self) -> None:
        """Look at what others committed since, so that nothing of ours comes on top of it."""
        if self._checked is None:
            return
        newest = newest_version(self.path, max(self.version, self._checked))
        if newest > self._checked:
            guards.expect_ours(self.id, self.path, guards.look(self.id, self.path, newest, self._checked))
            self._checked = newest

    @property
    def file_bytes(self) -> int:
        """Size of the table's files, once compacted."""
        return _GOLD_FILE_BYTES if self.id.layer == "gold" else _FILE_BYTES

    def _expect_before(self, batch: int) -> None:
        if batch > self.batch:
            return
        raise ConcurrentWrite(
            f"Table {self.id.name} already contains batch {batch}.",
            found=f"batch {self.batch} in version {self.version}",
            expected=f"a batch before {batch}",
            meaning="nothing was written; no row is there twice",
            remedy="run the refresh again: it starts from what the table contains now",
        )

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
        """Return what was recorded with every batch as far back as the log tells, newest first; some are repeated."""
        with table_errors(self.id, self.path):
            commits = self._delta.history()
        return [metadata for metadata in map(_own_metadata, commits) if metadata is not None]

    def table_property(self, name: str) -> str | None:
        """Return a property of the table; unlike what a commit records, it lasts longer than the log."""
        value = self._delta.metadata().configuration.get(name)
        return None if value is None else str(value)

    def set_table_property(self, name: str, value: str) -> None:
        """Set a property of the table in a commit that repeats what the newest batch recorded.

        Raises:
            ConcurrentWrite: Another writer committed to the table since it was opened.
            TableError: The table can't be written.
        """
        repeated = json.dumps({"batch": self.batch, **(self.commit_metadata() or {})}, sort_keys=True)
        with table_errors(self.id, self.path):
            self._delta.alter.set_table_properties(
                {name: value},
                raise_if_not_exists=False,  # names that are not Delta's own are refused otherwise
                commit_properties=CommitProperties(custom_metadata={"userMetadata": repeated}),
            )

    def last_commit(self) -> datetime:
        """Return the time of the newest commit that brought rows or a batch; maintenance brings neither."""
        for limit in (5, None):
            commits = self._delta.history(limit)
            data = [commit for commit in commits if not commit["operation"].startswith(_MAINTENANCE)]
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
        return int(self.query(_IN_QUARANTINE).column("rows")[0].as_py())

    def files(self, *, newer_than: int | None = None) -> list[DataFile]:
        """Return the data files, or those that may hold batches after `newer_than`."""
        actions = pa.table(self._delta.get_add_actions(flatten=True))
        if newer_than is not None and "max.batch" in actions.column_names:
            newest = actions.column("max.batch")
            actions = actions.filter(pc.or_kleene(pc.greater(newest, newer_than), pc.is_null(newest)))
        return [_data_file(self.path, row) for row in actions.to_pylist()]

    def arrow_schema(self) -> pa.Schema:
        """Return the columns the table has now."""
        return pa.schema(self._delta.schema().to_arrow())

    def query(self, sql: str) -> pa.Table:
        """Run SQL (DataFusion's dialect) over the snapshot, which is there as the table `t`."""
        with table_errors(self.id, self.path):
            return pa.table(QueryBuilder().register("t", self._delta).execute(sql))

    def compact(
        self, *, metadata: Mapping[str, Any], target: int | None = None, partition: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Merge small files; returns delta-rs' metrics. No batch changes, no row changes.

        Args:
            metadata: What the newest batch recorded; the commit repeats it.
            target: Files up to this many bytes are merged, into files of at most as many; None takes the layer's size.
            partition: Values of the partition columns, where only one partition is meant.
        """
        with table_errors(self.id, self.path):
            return dict(
                self._delta.optimize.compact(
                    partition_filters=[(column, "=", value) for column, value in (partition or {}).items()] or None,
                    target_size=target or self.file_bytes,
                    max_concurrent_tasks=1,  # each one holds the file that it writes
                    writer_properties=WRITER,
                    commit_properties=self._repeating(metadata),
                    post_commithook_properties=_NO_CLEANUP,
                )
            )

    def vacuum(self, *, retention_hours: float, metadata: Mapping[str, Any] | None = None) -> list[str]:
        """Delete files that no version younger than the retention needs, in whole hours; returns their paths.

        Files that a killed writer left are among them (`full`): no version names those. A file that a writer has
        just written is not named either, and only its age protects it: with a short retention, nobody may write.
        """
        with table_errors(self.id, self.path):
            return list(
                self._delta.vacuum(
                    retention_hours=math.ceil(retention_hours),
                    dry_run=False,
                    enforce_retention_duration=False,
                    full=True,
                    commit_properties=self._repeating(metadata or {}),
                    post_commithook_properties=_NO_CLEANUP,
                )
            )

    def checkpoint(self) -> None:
        """Write a checkpoint of this version, so that readers need no log entry before it."""
        with table_errors(self.id, self.path):
            self._delta.create_checkpoint()

    def expect_readable(self, version: int) -> None:
        """Open an older version.

        Raises:
            TableError: It can't be read.
        """
        with table_errors(self.id, self.path):
            DeltaTable(str(self.path), version=version)

    @staticmethod
    def _repeating(metadata: Mapping[str, Any]) -> CommitProperties:
        return CommitProperties(custom_metadata={"userMetadata": json.dumps(dict(metadata), sort_keys=True)})


def open_table(table: TableId, lake: Path) -> LakeTable | None:
    """Open the newest version of a table; None if there is no such table.

    Raises:
        TableError: There is something, but it can't be read as this framework needs it.
    """
    path = table.path(lake)
    try:
        with table_errors(table, path):
            if not (path / "_delta_log").is_dir():
                return None
            opened = LakeTable(table, path, DeltaTable(str(path)))
    except TableNotFoundError:
        return None
    _check_features(opened)
    return opened


def open_ours(table: TableId, lake: Path) -> LakeTable | None:
    """Open a table as `open_table`, for a refresh that reads or writes it.

    Raises:
        ForeignWrite: Another writer changed its rows or its batch.
        UnsafeProperty: A property would make it forget its batch, or keeps it from being written.
        TableError: There is something, but it can't be read as this framework needs it.
    """
    opened = open_table(table, lake)
    if opened is not None:
        opened.expect_ours()
    return opened


def open_or_create(source: EventSource, table: TableId, lake: Path, *, description: str = "") -> LakeTable:
    """Open the newest version of a table, creating it empty where it does not exist.

    Raises:
        DefinitionChanged: The definition has other columns than the table, which another one made.
        TableError: The table can't be read or created, or somebody changed its columns.
    """
    schema, present = schema_of(source, table), present_definition(source, table)
    opened = open_ours(table, lake)
    if opened is None:
        try:
            opened = _create(table, lake, schema, description)
        except TableError:
            opened = open_ours(table, lake)  # another writer may have made it meanwhile
            if opened is None:
                raise
    if found := other_columns(opened.arrow_schema(), schema):
        raise wrong_columns(table, opened.path, found, changed=opened.definition != present)
    opened.present = present
    return opened


def _create(table: TableId, lake: Path, schema: pa.Schema, description: str) -> LakeTable:
    path = table.path(lake)
    with table_errors(table, path):
        path.mkdir(parents=True, exist_ok=True)
        delta = DeltaTable.create(
            str(path),
            schema=schema,
            name=table.name,
            description=description,
            partition_by=list(PARTITIONING.get(table.layer, ())),
            configuration={
                _STATISTICS: ",".join(_statistics(schema)),
                "delta.checkpointInterval": str(_CHECKPOINT_INTERVAL),
            },
        )
    created = LakeTable(table, path, delta)
    created.expect_ours()
    return created


def _statistics(schema: pa.Schema) -> list[str]:
    # Statistics over payloads cost time on every write and never prune a file.
    plain = (field for field in schema if not pa.types.is_nested(field.type) and not pa.types.is_binary(field.type))
    partition_columns = {"ingested_date", "event_date"}
    return [field.name for field in plain if field.name not in {*partition_columns, "detail"}]


def _check_features(opened: LakeTable) -> None:
    features = set(opened._delta.protocol().reader_features or ()) & _UNREADABLE_FEATURES  # noqa: SLF001
    if features:
        raise TableError(
            f"Table {opened.id.name} uses table features that this engine can't read.",
            found=", ".join(sorted(features)),
            expected="a table without them",
            meaning="nothing was read or written",
            remedy="drop the feature (`ALTER TABLE … DROP FEATURE …`) or use the engine that wrote the table",
        )


def _own_metadata(commit: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        metadata = json.loads(commit.get("userMetadata") or "null")
    except ValueError:
        return None
    if not isinstance(metadata, dict) or "batch" not in metadata:
        return None
    return {key: value for key, value in metadata.items() if key != CHECKED}


def _data_file(root: Path, row: Mapping[str, Any]) -> DataFile:
    def of(prefix: str) -> dict[str, Any]:
        return {name[len(prefix) :]: value for name, value in row.items() if name.startswith(prefix)}

    return DataFile(
        path=str(root / row["path"]),
        records=row["num_records"],
        size=row["size_bytes"],
        low=of("min."),
        high={column: _upper_bound(value) for column, value in of("max.").items()},
        partition={column: str(value) for column, value in of("partition.").items()},
        modified=datetime.fromtimestamp(row["modification_time"] / 1000, tz=UTC),
        nulls=of("null_count."),
    )


def _upper_bound(value: Any) -> Any:
    # Statistics of times are cut off after the millisecond (Delta protocol, per-file statistics).
    if not isinstance(value, datetime):
        return value
    return value.replace(microsecond=value.microsecond // 1000 * 1000 + 999)
