"""Bronze to Silver and quarantine on Spark, one slice of batches at a time; quarantine is committed before Silver.

The steps are those of the embedded engine (`engines/embedded/silver.py`), over Spark's data frames:

| frame | a row is | columns |
|-|-|-|
| `decided` | a record of the slice | the event's fields, `CARRIED`, and why it does not fit, if it does not |
| `refined` | an event | Silver's but `event_date` |
| `misfits` | a record that does not fit | coordinates, `batch`, `reason`, `field`, `detail` |
| `repeats` | a row of `refined` whose event is in Silver, or came before | coordinates |
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf

from streaming_assets.contract import EventSource
from streaming_assets.engines.protocol import Limits, Refined
from streaming_assets.engines.refined_tables import open_tables
from streaming_assets.engines.slices import Slice, slices
from streaming_assets.engines.spark.caching import kept
from streaming_assets.engines.spark.columns import casts, ddl, name, timestamp
from streaming_assets.engines.spark.tables import read_table, write
from streaming_assets.engines.spark.transform import Transformed, transform
from streaming_assets.engines.spark.worker import Decide, decided_schema, for_workers
from streaming_assets.lake.order import QUARANTINED_UPTO
from streaming_assets.lake.schemas import COORDINATES, IN_QUARANTINE, QUARANTINE, RELEASE, silver_schema
from streaming_assets.lake.tables import LakeTable

_PLACE = list(COORDINATES)
_EVENT = ["event_id", "event_time"]
_HAS_ID = "event_id <> concat(partition, '-', offset)"
"""An event that its coordinates identify repeats no other, whatever ids others bring."""


@dataclass
class SparkRefiner:
    """Refines one source."""

    session: SparkSession
    """Where it runs."""
    source: EventSource
    """The source."""
    lake: Path
    """Folder of the tables."""
    limits: Limits
    """How much is refined at once."""
    pseudonym_key: bytes
    """Key of the pseudonyms."""
    staging: Path | None = None
    """Folder of the tables in which Silver and quarantine are made anew; None: they are those of the lake."""

    def into(self, staging: Path) -> Self:
        """Return one that makes Silver and quarantine in another folder, from the lake's Bronze."""
        return replace(self, staging=staging)

    def run(self) -> Iterator[Refined]:
        """Refine what is new; see `Engine.refine`."""
        tables = open_tables(self.source, self.lake, self.staging or self.lake)
        if tables is None:
            return
        for part in slices(tables.bronze.files(newer_than=tables.silver.batch), tables.silver.batch, self.limits):
            yield self._refine(part, tables.bronze, tables.silver, tables.quarantine)
        tables.follow_empty(self.source)

    def _refine(self, part: Slice, bronze: LakeTable, silver: LakeTable, quarantine: LakeTable) -> Refined:
        raw = read_table(self.session, bronze).where(f"batch > {part.after} AND batch <= {part.upto}")
        with kept(self._decide(raw)) as decided:
            transformed = transform(self.session, self.source, decided)
            records, quarantined = decided.count(), transformed.misfits.count()
            refined, misfits = self._without_stored(transformed, part, quarantine)
            if quarantined:
                self._commit_misfits(misfits, raw, part, quarantine)
            counts: dict[str, Any] = {"records": records, "quarantined": quarantined}
            metadata = {**counts, QUARANTINED_UPTO: quarantine.batch}
            with self._repeats(refined, silver, transformed.found) as repeats:
                new = self._new(refined, repeats, transformed.found)
                write(new, silver, batch=part.upto, metadata=metadata)
        rows = sum(file.records for file in silver.files(newer_than=part.after))
        return Refined(batch=part.upto, **counts, silver=rows, duplicates=records - quarantined - rows)

    def _decide(self, raw: DataFrame) -> DataFrame:
        records = raw.selectExpr(*map(name, COORDINATES), "batch", "least(timestamp, ingested_at) AS seen_at", "value")
        decide = Decide(for_workers(self.source), self.pseudonym_key, self.limits.function_seconds)
        return records.mapInArrow(decide, ddl(decided_schema(self.source)))

    def _without_stored(
        self, transformed: Transformed, part: Slice, quarantine: LakeTable
    ) -> tuple[DataFrame, DataFrame]:
        """Leave out what a run brought to quarantine that ended before Silver's commit: it stays there."""
        refined, misfits = transformed.refined, transformed.misfits
        if quarantine.batch <= part.after:
            return refined, misfits
        # Released rows are ignored here: when Silver is rebuilt, they are refined again.
        stored = read_table(self.session, quarantine).where(f"batch > {part.after} AND {IN_QUARANTINE}").select(_PLACE)
        return refined.join(stored, _PLACE, "left_anti"), misfits.join(stored, _PLACE, "left_anti")

    def _commit_misfits(self, misfits: DataFrame, raw: DataFrame, part: Slice, quarantine: LakeTable) -> None:
        """Bring records that do not fit, with all that came of them, to quarantine."""
        new = misfits.count()
        if not new:
            return
        released = [f"CAST(NULL AS {'BIGINT' if each.name == 'released_batch' else 'STRING'}) AS {each.name}"
                    for each in RELEASE]  # fmt: skip
        rows = misfits.join(raw.drop("ingested_date"), [*_PLACE, "batch"]).selectExpr("*", *released)
        rows = rows.selectExpr(*casts(QUARANTINE))
        metadata = {"quarantined": new}
        if quarantine.batch < part.upto:
            write(rows, quarantine, batch=part.upto, metadata=metadata)
        else:  # the definition changed after a crash, and more records do not fit than before
            quarantine.complete(rows.toArrow().cast(QUARANTINE), metadata=metadata)

    @contextmanager
    def _repeats(self, refined: DataFrame, silver: LakeTable, found: Any) -> Iterator[DataFrame | None]:
        """Find the rows whose event is in Silver, or came before in the slice; tell their coordinates.

        Which events repeat is found from their ids and times alone, so that whole rows are not moved for it.
        """
        events = refined.where(_HAS_ID).selectExpr(*_EVENT, "false AS stored")
        stored = self._stored(silver, found)
        seen = events if stored is None else events.unionByName(stored)
        several = seen.groupBy(*_EVENT).agg(sf.count("*").alias("times"), sf.bool_or("stored").alias("stored"))
        with kept(several.where("times > 1").drop("times")) as repeated:
            if repeated.isEmpty():
                yield None
                return
            order = ", ".join(["batch", *map(name, _PLACE)])
            turn = f"row_number() OVER (PARTITION BY event_id, event_time ORDER BY {order})"
            rows = refined.where(_HAS_ID).select(*_EVENT, "batch", *_PLACE).join(repeated, _EVENT)
            yield rows.withColumn("turn", sf.expr(turn)).where("stored OR turn > 1").select(*_PLACE)

    def _new(self, refined: DataFrame, repeats: DataFrame | None, found: Any) -> DataFrame:
        """Return the rows for Silver."""
        rows = refined if repeats is None else refined.join(repeats, _PLACE, "left_anti")
        rows = rows.withColumn("event_date", sf.expr("CAST(event_time AS DATE)"))
        rows = rows.selectExpr(*casts(silver_schema(self.source)))
        # One day's rows stay in the order of Kafka, which is about that of event time.
        return rows if len(found["days"]) == 1 else rows.hint("rebalance", "event_date")

    def _stored(self, silver: LakeTable, found: Any) -> DataFrame | None:
        """Return the events of Silver with a time that a new one may have, too; None if there are none."""
        if not found["rows"] or not silver.files():
            return None
        days = ", ".join(f"DATE '{day.isoformat()}'" for day in found["days"])
        # As text: early times that go through Java's calendar come out as other ones.
        times = f"event_time BETWEEN {timestamp(found['low'])} AND {timestamp(found['high'])}"
        rows = read_table(self.session, silver).where(f"event_date IN ({days}) AND {times} AND {_HAS_ID}")
        return rows.selectExpr(*_EVENT, "true AS stored")
