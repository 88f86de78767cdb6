"""Every stored row of Silver and quarantine compared with what the present definition makes of its Bronze row.

Rows that are missing are not looked for here: `count_audit.py` counts them, for `reconciled`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from streaming_assets.engines.audits import RowAudit, Scope
from streaming_assets.engines.embedded.duck import count, name, read_parquet
from streaming_assets.engines.embedded.partitions import read_with_day
from streaming_assets.engines.embedded.samples import examples, sampled
from streaming_assets.engines.embedded.silver import Refiner
from streaming_assets.engines.slices import Slice, slices
from streaming_assets.lake import layout
from streaming_assets.lake.files import DataFile
from streaming_assets.lake.opening import open_table
from streaming_assets.lake.schemas import BRONZE, IN_QUARANTINE, PLACE, QUARANTINE, silver_schema
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.lake.tables import LakeTable

_RAW = ", ".join(name(column) for column in BRONZE.names if column != "ingested_date")


@dataclass(frozen=True)
class _Stored:
    """What Silver and quarantine have, and which replays they contain."""

    silver: Sequence[DataFile]
    quarantine: Sequence[DataFile]
    brought: int
    """Batch of the last replay that Silver contains."""
    told: int
    """Batch of the last replay that quarantine was told."""


@dataclass
class RowAuditor:
    """Compares the tables of one source."""

    refiner: Refiner
    """Refines records again."""

    def run(self, scope: Scope) -> Iterator[RowAudit]:
        """Compare slice by slice; see `Engine.audit_rows`."""
        source, lake = self.refiner.source, self.refiner.lake
        bronze = open_table(layout.bronze(source), lake)
        silver = open_table(layout.silver(source), lake)
        quarantine = open_table(layout.quarantine(source), lake)
        audit = RowAudit()
        if bronze is None or silver is None:
            return
        upto = silver.batch if scope.upto is None else min(scope.upto, silver.batch)
        files = [file for file in bronze.files(newer_than=scope.after) if file.low["batch"] <= upto]
        stored = _stored(silver, quarantine)
        for part in slices(files, scope.after, self.refiner.limits):
            part = replace(part, upto=min(part.upto, upto))  # noqa: PLW2901 - a file may hold batches behind the last
            chosen = sampled(scope.share, "topic", '"partition"', '"offset"')
            records = self.refiner.parse(part, where=chosen)
            self.refiner.transform()
            audit = self._add(audit, part, records, stored)
            yield audit

    def _add(self, audit: RowAudit, part: Slice, records: int, stored: _Stored) -> RowAudit:
        silver = self._store("stored_silver", silver_schema(self.refiner.source), stored.silver, "event_date")
        quarantine = self._store("stored_quarantine", QUARANTINE, stored.quarantine)
        self._find_moved(stored)
        wrong_silver, silver_examples = self._wrong(self._silver_differences()) if silver else (0, ())
        differences = f"SELECT {PLACE} FROM ({_quarantine_differences(part)}) UNION {_history_faults(stored)}"
        wrong_quarantine, quarantine_examples = self._wrong(differences) if quarantine else (0, ())
        return RowAudit(
            records=audit.records + records,
            silver=audit.silver + silver,
            quarantine=audit.quarantine + quarantine,
            wrong_silver=audit.wrong_silver + wrong_silver,
            wrong_quarantine=audit.wrong_quarantine + wrong_quarantine,
            silver_examples=audit.silver_examples or silver_examples,
            quarantine_examples=audit.quarantine_examples or quarantine_examples,
        )

    def _store(self, table: str, schema: pa.Schema, files: Sequence[DataFile], day: str | None = None) -> int:
        """Make the table of the stored rows whose records the slice has; return how many there are.

        Args:
            table: Its name.
            schema: Its columns.
            files: The files of the table in the lake.
            day: The column by which that is partitioned.
        """
        connection = self.refiner.connection
        low, high = connection.sql("SELECT min(_sa_offset), max(_sa_offset) FROM parsed").fetchall()[0]
        # By offset and not by batch, as a replay brings records to Silver in a later batch.
        near = [file for file in files if low is not None and file.may_hold("offset", low, high)]
        if not near:
            connection.register("none_stored", schema.empty_table())
            connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM none_stored")
            return 0
        rows = read_with_day(connection, near, day) if day else read_parquet(file.path for file in near)
        connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE {table} AS
            SELECT * FROM (SELECT * FROM {rows} WHERE "offset" BETWEEN {low} AND {high})
            SEMI JOIN (
                SELECT _sa_topic AS topic, _sa_partition AS "partition", _sa_offset AS "offset" FROM parsed
            ) USING ({PLACE})
            """
        )
        return count(connection, table)

    def _find_moved(self, stored: _Stored) -> None:
        """Make the table `moved` of the records that a replay brought to Silver, with the batch that it gave them."""
        # A Silver that was made again after replays contains none of them: its rows are from Bronze.
        untold = stored.brought if stored.brought > stored.told else "NULL"
        self.refiner.connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE moved AS
            SELECT {PLACE}, max(CASE WHEN {IN_QUARANTINE} THEN {untold}
                                     WHEN released_batch <= {stored.brought} THEN released_batch END) AS _sa_moved
            FROM stored_quarantine GROUP BY ALL
            """
        )

    def _silver_differences(self) -> str:
        listed = ", ".join(name(column) for column in silver_schema(self.refiner.source).names)
        # `refined` has no day, and the batch of a row that a replay brought is the replay's.
        expected = {"event_date": "CAST(event_time AS DATE)", "batch": "coalesce(_sa_moved, batch)"}
        computed = ", ".join(expected.get(column, name(column)) for column in silver_schema(self.refiner.source).names)
        return f"""
            SELECT {listed} FROM stored_silver
            EXCEPT ALL
            SELECT {computed} FROM refined LEFT JOIN moved USING ({PLACE})
            """

    def _wrong(self, differences: str) -> tuple[int, tuple[str, ...]]:
        connection = self.refiner.connection
        connection.execute(f"CREATE OR REPLACE TEMP TABLE wrong AS SELECT {PLACE} FROM ({differences})")
        wrong = count(connection, "wrong")
        return wrong, examples(connection, "FROM wrong", "wrong") if wrong else ()


def _quarantine_differences(part: Slice) -> str:
    """Return the query of rows whose raw columns, or reason as long as they are in quarantine, are not the right ones.

    The detail is left out: it is text for people, and the libraries that it quotes change their wording.
    """
    bronze = read_parquet(file.path for file in part.files)
    return f"""
        (
            SELECT reason, field, {_RAW} FROM stored_quarantine WHERE {IN_QUARANTINE}
            EXCEPT ALL
            SELECT reason, field, {_RAW} FROM {bronze} JOIN misfits USING ({PLACE}, batch)
        ) UNION ALL (
            SELECT NULL, NULL, {_RAW} FROM stored_quarantine WHERE NOT ({IN_QUARANTINE})
            EXCEPT ALL
            SELECT NULL, NULL, {_RAW} FROM {bronze} SEMI JOIN stored_quarantine USING ({PLACE})
        )
        """


def _history_faults(stored: _Stored) -> str:
    """Return the query of the records whose way out of quarantine can't be: no replay tells it like that.

    A replay takes a batch after that of the record, and quarantine has one row of each record, held or released.
    """
    last = max(stored.brought, stored.told)
    return f"""
        SELECT {PLACE} FROM stored_quarantine
        WHERE ({IN_QUARANTINE} AND duplicate_of IS NOT NULL)
           OR released_batch <= batch OR released_batch > {last}
           OR (duplicate_of IS NOT NULL AND released_batch <= {stored.brought}
               AND ({PLACE}) IN (SELECT ({PLACE}) FROM stored_silver))
        UNION
        SELECT {PLACE} FROM stored_quarantine GROUP BY ALL HAVING count(*) > 1
        """


def _stored(silver: LakeTable, quarantine: LakeTable | None) -> _Stored:
    files, told = (quarantine.files(), quarantine.replayed) if quarantine else ([], NO_BATCH)
    return _Stored(silver.files(), files, brought=silver.replayed, told=told)
