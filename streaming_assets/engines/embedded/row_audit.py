"""Every stored row of Silver and quarantine compared with what the present definition makes of its Bronze row.

Rows that are missing are not looked for here: `count_audit.py` counts them, for `reconciled`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from streaming_assets.engines.audits import RowAudit, Scope
from streaming_assets.engines.embedded.duck import count, name, read_parquet
from streaming_assets.engines.embedded.samples import examples, sampled
from streaming_assets.engines.embedded.silver import Refiner
from streaming_assets.engines.embedded.slices import Slice, slices
from streaming_assets.lake import layout
from streaming_assets.lake.files import DataFile
from streaming_assets.lake.opening import open_table
from streaming_assets.lake.schemas import BRONZE, IN_QUARANTINE, PLACE, silver_schema
from streaming_assets.lake.tables import LakeTable

_RAW = ", ".join(name(column) for column in BRONZE.names if column != "ingested_date")


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
        stored = silver.files(), _files(quarantine)
        for part in slices(files, scope.after, self.refiner.limits):
            part = replace(part, upto=min(part.upto, upto))  # noqa: PLW2901 - a file may hold batches behind the last
            chosen = sampled(scope.share, "topic", '"partition"', '"offset"')
            records = self.refiner.parse(part, where=chosen)
            self.refiner.transform()
            audit = self._add(audit, part, records, stored)
            yield audit

    def _add(
        self, audit: RowAudit, part: Slice, records: int, stored: tuple[Sequence[DataFile], Sequence[DataFile]]
    ) -> RowAudit:
        silver, quarantine = (self._store(table, files) for table, files in zip(_STORED, stored, strict=True))
        wrong_silver, silver_examples = self._wrong(self._silver_differences()) if silver else (0, ())
        wrong_quarantine, quarantine_examples = self._wrong(_quarantine_differences(part)) if quarantine else (0, ())
        return RowAudit(
            records=audit.records + records,
            silver=audit.silver + silver,
            quarantine=audit.quarantine + quarantine,
            wrong_silver=audit.wrong_silver + wrong_silver,
            wrong_quarantine=audit.wrong_quarantine + wrong_quarantine,
            silver_examples=audit.silver_examples or silver_examples,
            quarantine_examples=audit.quarantine_examples or quarantine_examples,
        )

    def _store(self, table: str, files: Sequence[DataFile]) -> int:
        """Make the table of the stored rows whose records the slice has; return how many there are."""
        connection = self.refiner.connection
        low, high = connection.sql("SELECT min(_sa_offset), max(_sa_offset) FROM parsed").fetchall()[0]
        # By offset and not by batch, as a replay brings records to Silver in a later batch.
        near = [file.path for file in files if low is not None and file.may_hold("offset", low, high)]
        if not near:
            return 0
        connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE {table} AS
            SELECT * FROM (SELECT * FROM {read_parquet(near)} WHERE "offset" BETWEEN {low} AND {high})
            SEMI JOIN (
                SELECT _sa_topic AS topic, _sa_partition AS "partition", _sa_offset AS "offset" FROM parsed
            ) USING ({PLACE})
            """
        )
        return count(connection, table)

    def _silver_differences(self) -> str:
        # The day is in no data file: it follows from the event time. The batch is that of a replay, if there was one.
        columns = [name(column) for column in silver_schema(self.refiner.source).names]
        listed = ", ".join(column for column in columns if column not in {'"event_date"', '"batch"'})
        return f"SELECT {listed} FROM stored_silver EXCEPT ALL SELECT {listed} FROM refined"

    def _wrong(self, differences: str) -> tuple[int, tuple[str, ...]]:
        connection = self.refiner.connection
        connection.execute(f"CREATE OR REPLACE TEMP TABLE wrong AS SELECT {PLACE} FROM ({differences})")
        wrong = count(connection, "wrong")
        return wrong, examples(connection, "FROM wrong", "wrong") if wrong else ()


_STORED = ("stored_silver", "stored_quarantine")


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


def _files(table: LakeTable | None) -> Sequence[DataFile]:
    return table.files() if table else []
