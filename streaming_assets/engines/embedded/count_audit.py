"""The tables of a source counted against each other, record by record.

What is audited are the Bronze batches after `after`, up to `upto`. The relations:

- `bronze_rows`: Bronze's of these batches. The last one is never after Silver's: what that has not seen is not lost.
- `silver_rows`: Silver's after `after`, but for what a replay brought from earlier batches, as it gives its own batch.
  Where a last batch is asked for, only rows up to it, and what came from `bronze_rows` by a later replay.
- `quarantine_rows`: those of these batches that are in quarantine; not what Silver has by a replay that has ended
  before it could tell quarantine.
- `released_rows`: those of these batches that quarantine keeps as history. Where they are now, Silver tells.
- `stored_events`: all of Silver, as any row of it may be the event that a duplicate repeats.
- `leftover`: rows of `bronze_rows` in neither table. Those whose event is in `stored_events` are `explained`, as
  duplicates; the others are lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from streaming_assets.engines.audits import CountAudit
from streaming_assets.engines.embedded.duck import count, read_parquet, timestamp
from streaming_assets.engines.embedded.release import in_quarantine
from streaming_assets.engines.embedded.samples import examples
from streaming_assets.engines.embedded.silver import Refiner
from streaming_assets.engines.slices import slices
from streaming_assets.lake import layout
from streaming_assets.lake.opening import open_table
from streaming_assets.lake.schemas import BRONZE, IN_QUARANTINE, PLACE, QUARANTINE, silver_schema
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.lake.tables import LakeTable

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_IN_BOTH = f"SELECT {PLACE} FROM silver_rows SEMI JOIN quarantine_rows USING ({PLACE})"


@dataclass
class CountAuditor:
    """Counts the tables of one source."""

    refiner: Refiner
    """Reads records again where their event has to be known."""

    def run(self, after: int, last: int | None) -> CountAudit:
        """Count; see `Engine.audit_counts`."""
        source, lake = self.refiner.source, self.refiner.lake
        bronze = open_table(layout.bronze(source), lake)
        silver = open_table(layout.silver(source), lake)
        quarantine = open_table(layout.quarantine(source), lake)
        newest = silver.batch if silver else NO_BATCH
        upto = newest if last is None else min(last, newest)
        after = after if after > NO_BATCH else _LOWEST  # rows that somebody else wrote may have any batch
        self._view("bronze_rows", bronze, BRONZE, (after, upto))
        # A replay brings records of earlier batches to Silver, in a batch of its own.
        replayed = f"({PLACE}) IN (SELECT ({PLACE}) FROM bronze_rows)"
        counted = self._not_replayed(silver, quarantine, after) + (
            f" AND (batch <= {upto} OR {replayed})" if last is not None else ""
        )
        self._view("silver_rows", silver, silver_schema(source), (after, _HIGHEST), counted)
        held = in_quarantine(silver, quarantine) if silver and quarantine else IN_QUARANTINE
        self._view("quarantine_rows", quarantine, QUARANTINE, (after, upto), held)
        self._view("released_rows", quarantine, QUARANTINE, (after, upto), f"NOT ({IN_QUARANTINE})")
        self._view("stored_events", silver, silver_schema(source), (NO_BATCH, newest))
        return self._audit(after, self._leftover(bronze, upto))

    def _audit(self, after: int, duplicates: int) -> CountAudit:
        connection = self.refiner.connection
        lost = count(connection, "leftover") - duplicates
        in_both = count(connection, f"({_IN_BOTH})")
        alone = {what: _without_bronze(rows) for what, rows in _ALONE.items()}
        without_bronze = {what: count(connection, f"({query})") for what, query in alone.items()}
        faults = {
            "lost": (lost, _LOST),
            "in silver and quarantine": (in_both, _IN_BOTH),
            **{what: (number, alone[what]) for what, number in without_bronze.items()},
        }
        return CountAudit(
            bronze=count(connection, "bronze_rows"),
            silver=count(connection, "silver_rows"),
            quarantine=count(connection, "quarantine_rows"),
            duplicates=duplicates,
            lost=lost,
            repeated_events=self._repeated("event_id, event_time") + self._stored_before(after),
            repeated_ids=self._repeated("event_id"),
            in_both=in_both,
            without_bronze=sum(without_bronze.values()),
            examples=tuple(
                each for what, (number, query) in faults.items() if number for each in examples(connection, query, what)
            ),
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

    def _not_replayed(self, silver: LakeTable | None, quarantine: LakeTable | None, after: int) -> str:
        """Return the condition that leaves out what a replay brought to Silver from batches that are not audited."""
        if silver is None or quarantine is None or after <= NO_BATCH:
            return "true"
        untold = silver.replayed > quarantine.replayed  # it ended before it could tell quarantine what it released
        files = [file for file in quarantine.files() if untold or (file.high.get("released_batch") or NO_BATCH) > after]
        if not files:
            return "true"
        released = f"released_batch > {after} OR ({untold} AND {IN_QUARANTINE})"
        paths = [file.path for file in files]
        replayed = f"SELECT {PLACE} FROM {read_parquet(paths)} WHERE batch <= {after} AND ({released})"
        return f"({PLACE}) NOT IN ({replayed})"

    def _leftover(self, bronze: LakeTable | None, upto: int) -> int:
        """Make the tables `leftover` of records in neither table, and `explained` of those that repeat a Silver row.

        Returns:
            The number of the latter.
        """
        connection = self.refiner.connection
        connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE leftover AS
            SELECT {PLACE}, batch FROM bronze_rows
            ANTI JOIN silver_rows USING ({PLACE}) ANTI JOIN quarantine_rows USING ({PLACE});
            CREATE OR REPLACE TEMP TABLE leftover_events AS
            SELECT {PLACE}, event_id, event_time FROM no_silver_rows;
            CREATE OR REPLACE TEMP TABLE explained AS SELECT {PLACE} FROM leftover LIMIT 0
            """
        )
        if not count(connection, "leftover") or bronze is None:
            return 0
        (first,) = connection.sql("SELECT min(batch) - 1 FROM leftover").fetchall()[0]
        files = [file for file in bronze.files(newer_than=first) if file.low["batch"] <= upto]
        for part in slices(files, first, self.refiner.limits):
            self.refiner.parse(part, where=f"({PLACE}) IN (SELECT ({PLACE}) FROM leftover)")
            connection.execute(
                "INSERT INTO leftover_events "
                "SELECT _sa_topic, _sa_partition, _sa_offset, _sa_event_id, _sa_event_time FROM fitting"
            )
        # Once for all slices: Silver as a whole is compared.
        connection.execute(
            f"INSERT INTO explained SELECT {PLACE} FROM leftover_events "
            "SEMI JOIN stored_events USING (event_id, event_time)"
        )
        return count(connection, "explained")

    def _repeated(self, columns: str) -> int:
        return count(self.refiner.connection, f"(SELECT {columns} FROM silver_rows GROUP BY ALL HAVING count(*) > 1)")

    def _stored_before(self, after: int) -> int:
        """Count the events of the audited batches that Silver had before them."""
        connection = self.refiner.connection
        if after <= NO_BATCH:
            return 0
        low, high = connection.sql("SELECT min(event_time), max(event_time) FROM silver_rows").fetchall()[0]
        if low is None:
            return 0
        times = f"event_time BETWEEN {timestamp(low)} AND {timestamp(high)}"
        before = f"SELECT event_id, event_time FROM stored_events WHERE batch <= {after} AND {times}"
        return count(connection, f"(SELECT 1 FROM silver_rows SEMI JOIN ({before}) USING (event_id, event_time))")


_LOST = f"SELECT {PLACE} FROM leftover ANTI JOIN explained USING ({PLACE})"


_ALONE = {
    "in silver alone": "silver_rows",
    "in quarantine alone": "quarantine_rows",
    "in the history of quarantine alone": "released_rows",
}


def _without_bronze(rows: str) -> str:
    return f"SELECT {PLACE} FROM {rows} ANTI JOIN bronze_rows USING ({PLACE})"
