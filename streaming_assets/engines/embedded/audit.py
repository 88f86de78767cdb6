"""The tables of a source counted against each other, record by record."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from streaming_assets.engines.embedded.duck import count, read_parquet
from streaming_assets.engines.embedded.silver import Refiner
from streaming_assets.engines.embedded.slices import slices
from streaming_assets.engines.protocol import Audit
from streaming_assets.lake import layout
from streaming_assets.lake.schemas import BRONZE, IN_QUARANTINE, QUARANTINE, silver_schema
from streaming_assets.lake.tables import NO_BATCH, LakeTable, open_table

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_PLACE = 'topic, "partition", "offset"'


@dataclass
class Auditor:
    """Audits one source."""

    refiner: Refiner
    """Reads records again where their event has to be known."""

    def run(self, after: int) -> Audit:
        """Count; see `Engine.audit`."""
        source, lake = self.refiner.source, self.refiner.lake
        bronze = open_table(layout.bronze(source), lake)
        silver = open_table(layout.silver(source), lake)
        upto = silver.batch if silver else NO_BATCH
        quarantine = open_table(layout.quarantine(source), lake)
        after = after if after > NO_BATCH else _LOWEST  # rows that somebody else wrote may have any batch
        self._view("bronze_rows", bronze, BRONZE, (after, upto))
        not_replayed = self._not_replayed(quarantine, after)
        self._view("silver_rows", silver, silver_schema(source), (after, _HIGHEST), not_replayed)
        self._view("quarantine_rows", quarantine, QUARANTINE, (after, upto), IN_QUARANTINE)
        self._view("stored_events", silver, silver_schema(source), (NO_BATCH, upto))
        duplicates, lost = self._leftover(bronze, upto)
        return Audit(
            bronze=count(self.refiner.connection, "bronze_rows"),
            silver=count(self.refiner.connection, "silver_rows"),
            quarantine=count(self.refiner.connection, "quarantine_rows"),
            duplicates=duplicates,
            lost=lost,
            repeated_records=self._repeated("bronze_rows", _PLACE),
            repeated_events=self._repeated("silver_rows", "event_id, event_time") + self._stored_before(after),
            repeated_ids=self._repeated("silver_rows", "event_id"),
            in_both=count(
                self.refiner.connection, f"(SELECT * FROM silver_rows SEMI JOIN quarantine_rows USING ({_PLACE}))"
            ),
            foreign=self._foreign("silver_rows") + self._foreign("quarantine_rows"),
        )

    def _view(
        self, view: str, table: LakeTable | None, schema: pa.Schema, batches: tuple[int, int], where: str = "true"
    ) -> None:
        """Make a view of the rows that meet a condition and whose batch is after the first and up to the second."""
        after, upto = batches
        connection = self.refiner.connection
        files = table.files(newer_than=after) if table else []
        connection.register(f"no_{view}", schema.empty_table())
        relation = read_parquet(file.path for file in files) if files else f"no_{view}"
        condition = f"batch > {after} AND batch <= {upto} AND {where}"
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT * FROM {relation} WHERE {condition}")

    def _not_replayed(self, quarantine: LakeTable | None, after: int) -> str:
        """Return the condition that leaves out what a replay brought to Silver from batches that are not audited."""
        files = quarantine.files() if quarantine and after > NO_BATCH else []
        paths = [file.path for file in files if (file.high.get("released_batch") or NO_BATCH) > after]
        if not paths:
            return "true"
        replayed = f"SELECT {_PLACE} FROM {read_parquet(paths)} WHERE released_batch > {after} AND batch <= {after}"
        return f"({_PLACE}) NOT IN ({replayed})"

    def _leftover(self, bronze: LakeTable | None, upto: int) -> tuple[int, int]:
        """Split the records that are in neither table into duplicates of a Silver row and lost ones."""
        connection = self.refiner.connection
        connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE leftover AS
            SELECT {_PLACE}, batch FROM bronze_rows
            ANTI JOIN silver_rows USING ({_PLACE}) ANTI JOIN quarantine_rows USING ({_PLACE})
            """
        )
        total = count(self.refiner.connection, "leftover")
        if not total or bronze is None:
            return 0, 0
        duplicates = 0
        (first,) = connection.sql("SELECT min(batch) - 1 FROM leftover").fetchall()[0]
        files = [file for file in bronze.files(newer_than=first) if file.low["batch"] <= upto]
        for part in slices(files, first, self.refiner.limits):
            self.refiner.parse(part, where=f"({_PLACE}) IN (SELECT ({_PLACE}) FROM leftover)")
            duplicates += count(
                self.refiner.connection,
                "(SELECT _sa_event_id FROM fitting SEMI JOIN stored_events "
                "ON _sa_event_id = event_id AND _sa_event_time = event_time)",
            )
        return duplicates, total - duplicates

    def _repeated(self, relation: str, columns: str) -> int:
        return count(self.refiner.connection, f"(SELECT {columns} FROM {relation} GROUP BY ALL HAVING count(*) > 1)")

    def _stored_before(self, after: int) -> int:
        """Count the events of the audited batches that Silver had before them."""
        connection = self.refiner.connection
        if after <= NO_BATCH:
            return 0
        low, high = connection.sql("SELECT min(event_time), max(event_time) FROM silver_rows").fetchall()[0]
        if low is None:
            return 0
        times = f"event_time BETWEEN TIMESTAMPTZ '{low.isoformat()}' AND TIMESTAMPTZ '{high.isoformat()}'"
        before = f"SELECT event_id, event_time FROM stored_events WHERE batch <= {after} AND {times}"
        return count(connection, f"(SELECT 1 FROM silver_rows SEMI JOIN ({before}) USING (event_id, event_time))")

    def _foreign(self, relation: str) -> int:
        return count(self.refiner.connection, f"(SELECT * FROM {relation} ANTI JOIN bronze_rows USING ({_PLACE}))")
