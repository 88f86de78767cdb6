"""One Delta table, opened at one version: every write says which batch it contains and is fenced.

A write carries a `txn` action (application id of the table, version = last batch it contains). Delta's
protocol leaves it to writers to respect it; delta-rs refuses a commit only if another one with the same
application id came after the snapshot the writer holds. So a table is loaded once, its batch is compared
with what is to be written, and the write goes through that very snapshot.

| write | rows | batch afterwards | what others committed |
|-|-|-|-|
| `append` | added | a higher one | looked at again, and refused |
| `complete` | added | the same | the same |
| `replace` | those that meet a condition, or all, by new ones | a higher one | the same |
| `rewrite` | those that meet a condition, by the same records | the same, or a replay's | the same |
| `recompute` | all, with the columns, by new ones | any | the same; replaced where the table was opened for that |
| `take_over` | all, with the columns, by a staged table's files | any | replaced; refused if later than opening |
| `restore` | all, with the columns, by an older version's | that version's | taken back |

They raise `ConcurrentWrite` where another writer committed a batch since the table was opened, or replaced or merged
files that the write replaces, or where the batch has to be higher and is not; `ForeignWrite` where others changed rows
or batch since the log was looked at; `StorageRefused` where the storage is full or read-only; `TableError` where the
table can't be written for another reason.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from deltalake import (
    ColumnProperties,
    CommitProperties,
    PostCommitHookProperties,
    Transaction,
    WriterProperties,
    write_deltalake,
)

from streaming_assets.errors import ConcurrentWrite
from streaming_assets.faults import reach, then_reach
from streaming_assets.lake import guards
from streaming_assets.lake.definition import definition_with
from streaming_assets.lake.failures import table_errors
from streaming_assets.lake.history import CHECKED, newest_version
from streaming_assets.lake.schemas import PARTITIONING, STATISTICS, statistics
from streaming_assets.lake.snapshot import NO_BATCH, Snapshot
from streaming_assets.lake.staging import link_files

WRITER = WriterProperties(
    compression="ZSTD",  # half the size of LZ4 at nearly the same speed on JSON
    compression_level=1,
    max_row_group_size=2**14,  # readers work on row groups in parallel, so a batch has to have several
    # Values hardly repeat; without a dictionary the file's footer tells their true size.
    column_properties={"value": ColumnProperties(dictionary_enabled=False)},
)

_GOLD_FILE_BYTES = 8 * 2**20
"""Size of a Gold table's files, once compacted: a commit replaces whole files, of which no row may be touched."""

_GOLD_PIECE_BYTES = 2**19
"""Size of the files that replace some of a Gold table's. delta-rs writes what was left of the old files into the same
ones as the new rows, which the next commit replaces again: without this, each would write the newest file as a whole.
"""

_FILE_BYTES = 32 * 2**20
"""Size of the other layers' files, once compacted: whoever reads Bronze again works file by file."""

_ALL = "true"
"""Condition that all rows meet."""

_NO_CLEANUP = PostCommitHookProperties(cleanup_expired_logs=False)
"""delta-rs would look through the whole log with every commit; `lake.log` cleans it up now and then."""


class LakeTable(Snapshot):
    """A Delta table at one version, to be written."""

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
            ConcurrentWrite, ForeignWrite, StorageRefused, TableError: See the module.
        """
        self._expect_before(batch)
        self._write(rows, batch, metadata, batch if replay else None, mode="append")

    def complete(self, rows: pa.Table, *, metadata: Mapping[str, Any], replay: int | None = None) -> None:
        """Append rows that the batches lack which the table contains already.

        Args:
            rows: The rows, in the table's schema; may be empty.
            metadata: What is recorded with the commit.
            replay: Batch of the replay that the table contains afterwards; None leaves that as it is.

        Raises:
            ConcurrentWrite, ForeignWrite, StorageRefused, TableError: See the module.
        """
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
        """Replace the rows that meet `where` (all rows if None) in one commit.

        Args:
            rows: The new rows; each must meet `where`.
            where: SQL condition over the table's columns.
            batch: Last batch the table contains afterwards; higher than before.
            metadata: What is recorded with the commit.
            generation: The generation of Silver that they are computed from; None leaves that as it is.

        Raises:
            ConcurrentWrite, ForeignWrite, StorageRefused, TableError: See the module.
        """
        self._expect_before(batch)
        # Without a condition delta-rs takes the commit for one that reads nothing: files that a compaction has merged
        # meanwhile would stay, and their rows would be there besides the new ones.
        self._write(rows, batch, metadata, generation=generation, mode="overwrite", predicate=where or _ALL)

    def rewrite(
        self, rows: pa.Table | pa.RecordBatchReader, *, where: str, replay: int | None, metadata: Mapping[str, Any]
    ) -> None:
        """Replace the rows that meet `where` by rows of the same records.

        Args:
            rows: As many rows of the same records; each must meet `where`.
            where: SQL condition over the table's columns.
            replay: Batch of the replay that the table contains afterwards; None leaves that as it is.
            metadata: What is recorded with the commit.

        Raises:
            ConcurrentWrite, ForeignWrite, StorageRefused, TableError: See the module.
        """
        batch = max(self.batch, replay or NO_BATCH)
        self._write(rows, batch, metadata, replay, mode="overwrite", predicate=where)

    def recompute(
        self, rows: pa.Table | pa.RecordBatchReader, *, batch: int, generation: int, metadata: Mapping[str, Any]
    ) -> None:
        """Replace all rows, and the columns by those of the new ones, in one commit.

        Args:
            rows: The new rows.
            batch: Last batch the table contains afterwards, whatever it contained before.
            generation: The generation of Silver that they are computed from.
            metadata: What is recorded with the commit.

        Raises:
            ConcurrentWrite, ForeignWrite, StorageRefused, TableError: See the module.
        """
        self._set_statistics(rows.schema)
        how: dict[str, Any] = {"mode": "overwrite", "schema_mode": "overwrite", "predicate": _ALL}  # as in `replace`
        self._write(rows, batch, metadata, generation=generation, **how)

    def take_over(
        self, staged: LakeTable, *, batch: int, generation: int, metadata: Mapping[str, Any], replay: int | None = None
    ) -> None:
        """Replace all rows and the columns by those of a staged table, in one commit.

        It replaces what is there, whoever wrote it, so that a rebuild also undoes what others did.

        Args:
            staged: The table whose files this one has afterwards, too.
            batch: Last batch the table contains afterwards, whatever it contained before.
            generation: Its generation afterwards.
            metadata: What is recorded with the commit.
            replay: Batch of the replay that it contains afterwards; None leaves that as it is.

        Raises:
            ConcurrentWrite, StorageRefused, TableError: See the module.
        """
        self._set_statistics(staged.arrow_schema())
        transactions = {self.id.app_id: batch, self._generation_id: generation}
        transactions |= {} if replay is None else {self._replay_id: replay}
        metadata = {"batch": batch, **metadata}
        properties = self._properties(transactions, metadata)
        # Nothing is read, so that delta-rs would see no conflict with a compaction, and keep what that has merged.
        properties.max_commit_retries = 0
        with table_errors(self.id, self.path):
            linked = link_files(staged.path, self.path)
            reach("rebuild.linked")
            self._delta.create_write_transaction(
                [*linked],
                "overwrite",
                staged._delta.schema(),
                partition_by=list(PARTITIONING.get(self.id.layer, ())),
                commit_properties=properties,
                post_commithook_properties=_NO_CLEANUP,
            )
        self.last_metadata = metadata

    def _set_statistics(self, schema: pa.Schema) -> None:
        """Let the log have statistics of the columns that the table is about to have."""
        columns = ",".join(statistics(schema))
        if self.table_property(STATISTICS) != columns:
            self.set_table_property(STATISTICS, columns)

    def mend_statistics(self) -> None:
        """Let the log have statistics of all columns again, where a change of columns ended before its second commit.

        What others added to them stays.
        """
        stored = self.table_property(STATISTICS)
        schema = self.arrow_schema()
        named = set((stored or "").split(","))
        if stored is not None and not set(statistics(schema)) <= named <= set(schema.names):
            self._set_statistics(schema)

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
        transactions = {self.id.app_id: batch, **({} if replay is None else {self._replay_id: replay})}
        transactions |= {} if generation is None else {self._generation_id: generation}
        metadata = self._recorded(batch, metadata, brings=not isinstance(rows, pa.Table) or rows.num_rows > 0)
        properties = self._properties(transactions, metadata)
        layer = self.id.layer
        reach(f"{layer}.computed")
        batches = rows.to_batches() if isinstance(rows, pa.Table) else rows
        reader = pa.RecordBatchReader.from_batches(rows.schema, then_reach(iter(batches), f"{layer}.written"))
        with table_errors(self.id, self.path):
            write_deltalake(
                self._delta,
                reader,
                writer_properties=WRITER,
                target_file_size=self._new_file_bytes(how.get("predicate")),
                commit_properties=properties,
                post_commithook_properties=_NO_CLEANUP,
                **how,
            )
        self._committed(metadata)
        reach(f"{layer}.committed")

    def prepare_commit(self, batch: int, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a commit of rows has to record that another engine is about to make; `follow` comes after it.

        Raises:
            ConcurrentWrite: The table contains the batch already.
            ForeignWrite: Others changed rows or batch since the log was looked at.
        """
        self._expect_before(batch)
        recorded = self._recorded(batch, metadata, brings=True)
        return {**({} if self._checked is None else {CHECKED: self._checked}), **recorded}

    def follow(self, batch: int, token: str) -> None:
        """Go on to the newest version, in which another engine committed a batch for us.

        Args:
            batch: The batch.
            token: What the commit recorded as `commit`, by which it is told from another writer's.

        Raises:
            ConcurrentWrite: Another writer committed the batch, and ours was skipped.
            TableError: The table can't be read.
        """
        with table_errors(self.id, self.path):
            self._delta.update_incremental()
        found = self.commit_metadata() or {}
        if found.get("commit") != token:
            raise self._contains(batch)
        self._committed(found)

    def _recorded(self, batch: int, metadata: Mapping[str, Any], *, brings: bool) -> dict[str, Any]:
        """Look at the log again, and return what a commit records."""
        self._look_again()
        definition = definition_with(self.definition, self.present, rows=brings)
        return {"batch": batch, **({} if definition is None else {"definition": definition}), **metadata}

    def _committed(self, metadata: Mapping[str, Any]) -> None:
        self.last_metadata = metadata
        if self._checked == self.version - 1:  # nobody committed in between, and this commit is ours
            self._checked = self.version

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
        metadata = {"batch": batch, **metadata, CHECKED: self.version}
        with table_errors(self.id, self.path):
            properties = self._properties({self.id.app_id: batch}, metadata)
            self._delta.restore(version, protocol_downgrade_allowed=True, commit_properties=properties)

    def _properties(self, transactions: Mapping[str, int], metadata: Mapping[str, Any]) -> CommitProperties:
        checked = {} if self._checked is None else {CHECKED: self._checked}
        return CommitProperties(
            # `last_updated` stays unset: one that is set can be expired by a table property, and the batch with it.
            app_transactions=[Transaction(app_id, version) for app_id, version in transactions.items()],
            custom_metadata={"userMetadata": json.dumps({**checked, **metadata}, sort_keys=True)},
        )

    def _look_again(self) -> None:
        """Look at what others committed since, so that nothing of ours comes on top of it."""
        if self._checked is None:
            return
        newest = newest_version(self.path, max(self.version, self._checked))
        if newest > self._checked:
            guards.expect_ours(self.id, self.path, guards.look(self.id, self.path, newest, self._checked))
            self._checked = newest

    def _new_file_bytes(self, predicate: str | None) -> int:
        replaces_some = self.id.layer == "gold" and predicate not in {None, _ALL}
        return _GOLD_PIECE_BYTES if replaces_some else self.file_bytes

    @property
    def file_bytes(self) -> int:
        """Size of the table's files, once compacted."""
        return _GOLD_FILE_BYTES if self.id.layer == "gold" else _FILE_BYTES

    def _expect_before(self, batch: int) -> None:
        if batch <= self.batch:
            raise self._contains(batch)

    def _contains(self, batch: int) -> ConcurrentWrite:
        return ConcurrentWrite(
            f"Table {self.id.name} already contains batch {batch}.",
            found=f"batch {self.batch} in version {self.version}",
            expected=f"a batch before {batch}",
            meaning="nothing was written; no row is duplicated",
            remedy="run the refresh again: it starts from what the table contains now",
        )

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

        Files that no version names are among them (`full`): those that a killed writer left, and strangers'. A file
        that a writer has just written is not named either, and only its age protects it: with a short retention, nobody
        may write.
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

    @staticmethod
    def _repeating(metadata: Mapping[str, Any]) -> CommitProperties:
        return CommitProperties(custom_metadata={"userMetadata": json.dumps(dict(metadata), sort_keys=True)})
