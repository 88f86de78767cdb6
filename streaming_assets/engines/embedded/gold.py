"""Silver to Gold: only the windows or keys that new Silver rows touch are computed again."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from streaming_assets.contract import EventSource, GoldTable
from streaming_assets.engines.broken_plugin import broken_gold
from streaming_assets.engines.embedded.duck import casts, count, literal, name, read_parquet, timestamp
from streaming_assets.engines.embedded.failures import names_file
from streaming_assets.engines.embedded.handover import write_while_computing
from streaming_assets.engines.embedded.spans import spans
from streaming_assets.engines.embedded.transform import DEFINITION_ERRORS
from streaming_assets.engines.gold_ranges import KeyRange, TimeRange, key_ranges, window_ranges
from streaming_assets.engines.gold_state import open_gold
from streaming_assets.engines.protocol import Aggregated
from streaming_assets.engines.sql import DUCKDB, transpile
from streaming_assets.lake import layout
from streaming_assets.lake.files import DataFile
from streaming_assets.lake.opening import open_ours
from streaming_assets.lake.order import expect_not_ahead
from streaming_assets.lake.schemas import gold_schema, silver_schema
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.lake.tables import LakeTable
from streaming_assets.versions import gold_version
from streaming_assets.windows import window_length

_PIECE = 100_000
"""Rows of a result that are handed on at a time."""


@dataclass
class Aggregator:
    """Computes one Gold table."""

    connection: duckdb.DuckDBPyConnection
    """Where SQL runs."""
    source: EventSource
    """The source."""
    table: GoldTable
    """The table."""
    lake: Path
    """Folder of the tables."""

    def run(self, *, rebuild: bool = False) -> Aggregated | None:
        """Bring the table up to Silver's batch; see `Engine.aggregate`."""
        silver = open_ours(layout.silver(self.source), self.lake)
        if silver is None:
            return None
        gold, anew = open_gold(self.source, self.table, self.lake, silver, rebuild=rebuild)
        if anew:
            return self._compute_anew(gold, silver)
        expect_not_ahead(gold, silver)
        if gold.batch == silver.batch:
            return None
        files = silver.files()
        if not files or gold.batch == NO_BATCH or not (self.table.window or self.table.per):
            return self._replace(gold, silver, self._all(files))
        if self.table.window:
            return self._replace_windows(gold, silver, files)
        return self._replace_keys(gold, silver, files)

    def _compute_anew(self, gold: LakeTable, silver: LakeTable) -> Aggregated:
        """Compute the whole table, and give it the columns of the present definition, in one commit."""

        def write(rows: pa.RecordBatchReader) -> None:
            metadata = {"definition": gold_version(self.table)}
            gold.recompute(rows, batch=silver.batch, generation=silver.generation, metadata=metadata)

        return self._write(silver, self._all(silver.files()), write)

    def _all(self, files: Sequence[DataFile]) -> Iterator[str]:
        return self._spans(files) if self.table.window else self._once(files)

    def _once(self, files: Sequence[DataFile], where: str = "true") -> Iterator[str]:
        self.compute(files, where)
        yield self._computed

    def _spans(self, files: Sequence[DataFile], where: str = "true") -> Iterator[str]:
        """Compute one span of windows after the other; yield after each the query of its rows."""
        for span in spans(files, window_length(self.table.window or "")):
            inside = [file for file in files if span.overlaps(file)]
            yield from self._once(inside, f"({where}) AND {_between('event_time', span.start, span.end, timestamp)}")

    def _replace_windows(self, gold: LakeTable, silver: LakeTable, files: Sequence[DataFile]) -> Aggregated:
        touched = [start for (start,) in self._new("window_start", silver, gold)]
        ranges = window_ranges(touched, window_length(self.table.window or ""))
        times = " OR ".join(_between("event_time", each.start, each.end, timestamp) for each in ranges)
        queries = self._spans([file for file in files if _overlaps(file, ranges)], times or "false")
        where = " OR ".join(_between("window_start", each.start, each.end, _delta_time) for each in ranges)
        return self._replace(gold, silver, queries, where, len(ranges))

    def _replace_keys(self, gold: LakeTable, silver: LakeTable, files: Sequence[DataFile]) -> Aggregated:
        key = self.table.per or ""
        touched = [value for (value,) in self._new(key, silver, gold)]
        self.connection.register(
            "touched", pa.table({key: pa.array(touched, silver_schema(self.source).field(key).type)})
        )
        stored = gold.files()
        ranges = key_ranges(touched, [file.low[key] for file in stored if file.low.get(key) is not None])
        covered = " OR ".join(_key_condition(key, each) for each in ranges)
        queries = self._touched_keys(files, self._with_untouched(stored, key, covered))
        return self._replace(gold, silver, queries, covered, len(ranges))

    def _touched_keys(self, files: Sequence[DataFile], query: str) -> Iterator[str]:
        key = name(self.table.per or "")
        self.compute(files, where=f"{key} IN (SELECT {key} FROM touched)")
        yield query

    @property
    def _computed(self) -> str:
        # In the order of the keys, so that a file holds neighbours and a range of them touches few files.
        order = [self.table.per] if self.table.per else [*self.table.keys]
        return f"SELECT * FROM computed ORDER BY {', '.join(map(name, order))}"

    def _with_untouched(self, stored: Sequence[DataFile], key: str, covered: str) -> str:
        """Return the query of the computed rows and those of keys that lie in a replaced range, but are not touched."""
        untouched = (
            f"SELECT * FROM ({self.stored(stored)}) WHERE ({covered or 'false'}) "
            f"AND {name(key)} NOT IN (SELECT {name(key)} FROM touched)"
        )
        return f"SELECT * FROM computed UNION ALL BY NAME {untouched} ORDER BY {name(key)}"

    def _replace(
        self,
        gold: LakeTable,
        silver: LakeTable,
        queries: Iterator[str],
        where: str | None = None,
        ranges: int | None = None,
    ) -> Aggregated:
        """Replace the rows that meet `where` (None: all rows) by those of the queries, in one commit."""
        metadata = {} if ranges is None else {"ranges": ranges}

        def write(rows: pa.RecordBatchReader) -> None:
            if where == "":  # no window or key is touched: only the batch moves on
                gold.append(rows, batch=silver.batch, metadata=metadata)
            else:
                generation = silver.generation
                gold.replace(rows, where=where, batch=silver.batch, generation=generation, metadata=metadata)

        return self._write(silver, queries, write, ranges)

    def _write(
        self,
        silver: LakeTable,
        queries: Iterator[str],
        write: Callable[[pa.RecordBatchReader], None],
        ranges: int | None = None,
    ) -> Aggregated:
        """Write the rows of queries while they are computed; return what was done."""
        with closing(self._pieces(queries)) as pieces:  # a result left open would keep the connection from all else
            rows = write_while_computing(pieces, gold_schema(self.table), write)
        return Aggregated(table=self.table.name, batch=silver.batch, rows=rows, ranges=ranges)

    def _pieces(self, queries: Iterator[str]) -> Generator[pa.RecordBatch]:
        schema = gold_schema(self.table)
        for query in queries:
            with self.connection.sql(query).to_arrow_reader(_PIECE) as pieces:
                for piece in pieces:
                    yield piece.cast(schema)

    def _new(self, column: str, silver: LakeTable, gold: LakeTable) -> list[tuple[Any, ...]]:
        files = silver.files(newer_than=gold.batch)
        if not files:
            return []
        relation = self.silver(files, f"batch > {gold.batch}")
        query = f"SELECT DISTINCT {name(column)} FROM ({relation}) WHERE {name(column)} IS NOT NULL"
        return self.connection.execute(query).fetchall()

    def silver(self, files: Sequence[DataFile], where: str) -> str:
        """Return the SQL of the relation `silver` as the plugin's query sees it."""
        schema = silver_schema(self.source)
        if not files:
            self.connection.register("no_silver", schema.empty_table())
        stored = f"SELECT *, CAST(event_time AS DATE) AS event_date FROM {read_parquet(f.path for f in files)}"
        rows = f"SELECT * FROM ({stored if files else 'SELECT * FROM no_silver'}) WHERE {where}"
        if self.table.per:
            rows += f" AND {name(self.table.per)} IS NOT NULL"
        if not self.table.window:
            return rows
        seconds = int(window_length(self.table.window).total_seconds())
        start = f"time_bucket(INTERVAL {seconds} SECOND, event_time, TIMESTAMPTZ '1970-01-01 00:00:00+00')"
        # A window of several days may begin before the first day that there is; then it begins with that day.
        first = f"greatest({start}, TIMESTAMPTZ '0001-01-01 00:00:00+00')"
        return f"SELECT *, {first} AS window_start, {start} + INTERVAL {seconds} SECOND AS window_end FROM ({rows})"

    def compute(self, files: Sequence[DataFile], where: str = "true", groups: str = "true") -> None:
        """Run the plugin's query over the Silver rows that meet `where`; its rows become the table `computed`.

        Columns are cast as declared. Of the windows, or keys, only those that meet `groups` are computed.

        Raises:
            PluginError: The query can't run, or leaves a required column null.
        """
        rows = self.silver(files, f"({where})")
        self.connection.execute(f"CREATE OR REPLACE TEMP VIEW silver AS SELECT * FROM ({rows}) WHERE {groups}")
        columns = casts(self.connection, gold_schema(self.table))
        query = f"SELECT {columns} FROM ({transpile(self.table.sql, DUCKDB)})"
        try:
            self.connection.execute(f"CREATE OR REPLACE TEMP TABLE computed AS {query}")
        except (*DEFINITION_ERRORS, duckdb.DataError, duckdb.InvalidInputException) as error:
            if names_file(error):
                raise
            raise broken_gold(self.source, self.table, str(error).strip()) from error
        for column in (column.name for column in self.table.columns if column.required):
            if nulls := count(self.connection, f"computed WHERE {name(column)} IS NULL"):
                raise broken_gold(self.source, self.table, f"{nulls:,} rows whose required column {column} is null")

    def stored(self, files: Sequence[DataFile]) -> str:
        """Return the SQL of the table's rows in some of its files."""
        schema = gold_schema(self.table)
        self.connection.register("no_gold", schema.empty_table())
        relation = read_parquet(file.path for file in files) if files else "no_gold"
        return f"SELECT {', '.join(map(name, schema.names))} FROM {relation}"


def _overlaps(file: DataFile, ranges: Sequence[TimeRange]) -> bool:
    low, high = file.low["event_time"], file.high["event_time"]
    return any(low < each.end and high >= each.start for each in ranges)


def _between(column: str, low: datetime | None, high: datetime | None, text: Callable[[datetime], str]) -> str:
    parts = [f"{column} >= {text(low)}"] if low else []
    parts += [f"{column} < {text(high)}"] if high else []
    return f"({' AND '.join(parts) or 'true'})"


def _delta_time(moment: datetime) -> str:
    # Not by strftime, which leaves out the leading zeros of early years.
    return f"'{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z'"


def _key_condition(key: str, each: KeyRange[Any]) -> str:
    def value(bound: object) -> str:
        return str(bound) if isinstance(bound, int) else literal(str(bound))

    parts = [f"{name(key)} >= {value(each.low)}"] if each.low is not None else []
    parts += [f"{name(key)} < {value(each.high)}"] if each.high is not None else []
    return f"({' AND '.join(parts) or 'true'})"
