"""Silver to Gold on Spark: only the windows or keys that new Silver rows touch are computed again.

What comes to this process is small: the starts of touched windows, and which ranges of keys are touched. The ranges
are those of the embedded engine, so both replace the same rows.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf

from streaming_assets.contract import EventSource, GoldTable
from streaming_assets.engines.broken_plugin import broken_gold
from streaming_assets.engines.gold_ranges import KeyRange, key_ranges_of, window_ranges
from streaming_assets.engines.gold_state import open_gold
from streaming_assets.engines.protocol import Aggregated
from streaming_assets.engines.spark.columns import casts, literal, name, timestamp
from streaming_assets.engines.spark.failures import DEFINITION_ERRORS, NULL_IN_REQUIRED, RECORD_ERRORS, first_line
from streaming_assets.engines.spark.tables import read_table, write
from streaming_assets.lake import layout
from streaming_assets.lake.opening import open_or_create, open_ours
from streaming_assets.lake.order import expect_not_ahead
from streaming_assets.lake.schemas import gold_schema
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.lake.tables import LakeTable
from streaming_assets.versions import gold_version
from streaming_assets.windows import window_length

_STAGING = "_recompute"


@dataclass
class SparkAggregator:
    """Computes one Gold table."""

    session: SparkSession
    """Where it runs."""
    source: EventSource
    """The source."""
    table: GoldTable
    """The table."""
    lake: Path
    """Folder of the tables."""

    def run(self, *, rebuild: bool = False) -> Aggregated | None:
        """Bring the table up to Silver's batch; see `Engine.aggregate`."""
        silver = open_ours(layout.silver(self.source), self.lake)
        if silver is None or silver.batch == NO_BATCH:
            return None
        gold, anew = open_gold(self.source, self.table, self.lake, silver, rebuild=rebuild)
        if anew or gold.generation != silver.generation:
            return self._compute_anew(gold, silver)
        expect_not_ahead(gold, silver)
        if gold.batch == silver.batch:
            return None
        if not silver.files() or gold.batch == NO_BATCH or not (self.table.window or self.table.per):
            return self._replace(gold, silver, self._computed(read_table(self.session, silver)))
        return self._replace_windows(gold, silver) if self.table.window else self._replace_keys(gold, silver)

    def _compute_anew(self, gold: LakeTable, silver: LakeTable) -> Aggregated:
        """Compute the whole table into a table of its own, which then takes the place of the present one.

        Delta on Spark can't write two transactions in one commit, nor a batch that is not higher, and this commit
        tells batch and generation.
        """
        staging = self.lake / self.source.name / _STAGING
        shutil.rmtree(staging, ignore_errors=True)
        staged = open_or_create(self.source, gold.id, staging, description=self.table.description)
        rows = self._computed(read_table(self.session, silver))
        self._write(rows, staged, silver, overwrite=True)
        metadata = {"definition": gold_version(self.table)}
        gold.take_over(staged, batch=silver.batch, generation=silver.generation, metadata=metadata)
        shutil.rmtree(staging, ignore_errors=True)
        return Aggregated(table=self.table.name, batch=silver.batch, rows=gold.rows(), ranges=None)

    def _replace_windows(self, gold: LakeTable, silver: LakeTable) -> Aggregated:
        rows = read_table(self.session, silver)
        new = self._silver(rows.where(f"batch > {gold.batch}"))
        touched = [row["window_start"] for row in new.select("window_start").distinct().toArrow().to_pylist()]
        ranges = window_ranges(touched, window_length(self.table.window or ""))
        if not ranges:
            return self._nothing(gold, silver)
        times, windows = (
            " OR ".join(
                f"({column} >= {timestamp(each.start)} AND {column} < {timestamp(each.end)})" for each in ranges
            )
            for column in ("event_time", "window_start")
        )
        return self._replace(gold, silver, self._computed(rows.where(times)), windows, len(ranges))

    def _replace_keys(self, gold: LakeTable, silver: LakeTable) -> Aggregated:
        key = self.table.per or ""
        rows = read_table(self.session, silver)
        touched = rows.where(f"batch > {gold.batch} AND {name(key)} IS NOT NULL").select(key).distinct()
        starts = sorted({file.low[key] for file in gold.files() if file.low.get(key) is not None})
        places = touched.select(sf.expr(_place(key, starts)).alias("place")).distinct().toArrow()
        ranges = key_ranges_of(sorted(places.column("place").to_pylist()), starts)
        if not ranges:
            return self._nothing(gold, silver)
        covered = " OR ".join(_key_condition(key, each) for each in ranges)
        computed = self._computed(rows.join(touched, key, "left_semi"))
        stored = read_table(self.session, gold).where(covered).join(touched, key, "left_anti")
        return self._replace(gold, silver, computed.unionByName(stored), covered, len(ranges))

    def _nothing(self, gold: LakeTable, silver: LakeTable) -> Aggregated:
        """Move the batch on, as no window or key is touched."""
        gold.append(gold_schema(self.table).empty_table(), batch=silver.batch, metadata={"ranges": 0})
        return Aggregated(table=self.table.name, batch=silver.batch, rows=0, ranges=0)

    def _replace(
        self,
        gold: LakeTable,
        silver: LakeTable,
        rows: DataFrame,
        where: str | None = None,
        ranges: int | None = None,
    ) -> Aggregated:
        """Replace the rows that meet `where` (None: all rows), in one commit."""
        before = {file.path for file in gold.files()}
        self._write(rows, gold, silver, where=where, ranges=ranges, overwrite=where is None)
        written = sum(file.records for file in gold.files() if file.path not in before)
        return Aggregated(table=self.table.name, batch=silver.batch, rows=written, ranges=ranges)

    def _write(
        self, rows: DataFrame, gold: LakeTable, silver: LakeTable, *, ranges: int | None = None, **how: Any
    ) -> None:
        metadata = {} if ranges is None else {"ranges": ranges}
        try:
            write(self._ordered(rows), gold, batch=silver.batch, metadata=metadata, **how)
        except PySparkException as error:
            if isinstance(error, (*DEFINITION_ERRORS, *RECORD_ERRORS)) or NULL_IN_REQUIRED in str(error):
                raise broken_gold(self.source, self.table, first_line(error)) from error
            raise

    def _ordered(self, rows: DataFrame) -> DataFrame:
        # In the order of the keys, so that a file holds neighbours and a range of them touches few files.
        if self.table.per:
            return rows.orderBy(self.table.per)
        return rows.sortWithinPartitions(*self.table.keys)

    def _silver(self, rows: DataFrame) -> DataFrame:
        """Return the relation `silver` as the plugin's query sees it."""
        if self.table.per:
            rows = rows.where(f"{name(self.table.per)} IS NOT NULL")
        if not self.table.window:
            return rows
        seconds = int(window_length(self.table.window).total_seconds())
        start = f"unix_micros(event_time) - pmod(unix_micros(event_time), {seconds * 1_000_000}L)"
        return rows.selectExpr(
            "*",
            # A window of several days may begin before the first day that there is; then it begins with that day.
            f"greatest(timestamp_micros({start}), TIMESTAMP '0001-01-01 00:00:00Z') AS window_start",
            f"timestamp_micros({start} + {seconds * 1_000_000}L) AS window_end",
        )

    def _computed(self, rows: DataFrame) -> DataFrame:
        """Return what the plugin's query makes of Silver rows, the columns cast as declared."""
        self._silver(rows).createOrReplaceTempView("silver")
        try:
            return self.session.sql(self.table.sql).selectExpr(*casts(gold_schema(self.table)))
        except DEFINITION_ERRORS as error:
            raise broken_gold(self.source, self.table, first_line(error)) from error


def _place(key: str, starts: Sequence[Any]) -> str:
    """Return the SQL of how many of the starts are not above a key."""
    if not starts:
        return "0"
    bounds = ", ".join(_value(start) for start in starts)
    return f"size(filter(array({bounds}), bound -> bound <= {name(key)}))"


def _key_condition(key: str, each: KeyRange[Any]) -> str:
    parts = [f"{name(key)} >= {_value(each.low)}"] if each.low is not None else []
    parts += [f"{name(key)} < {_value(each.high)}"] if each.high is not None else []
    return f"({' AND '.join(parts) or 'true'})"


def _value(bound: object) -> str:
    return f"{bound}L" if isinstance(bound, int) else literal(str(bound))
