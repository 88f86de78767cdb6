"""What Spark's Python workers do with batches of records: decide whether they fit, and run a Silver function.

A worker checks with the embedded engine's native check, and leaves what that does not accept to `fitting`, so that no
record can fit on one engine and not on the other. It is told all it needs by value; nothing here knows Spark.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

import duckdb
import pyarrow as pa

from streaming_assets.contract import EventSource, Producer
from streaming_assets.engines.embedded.decide import MISFITS, accepted_schema, decide_rows
from streaming_assets.engines.embedded.duck import event_columns, fetch, name, set_pseudonym_key
from streaming_assets.engines.embedded.native import NativeCheck, parsed_query
from streaming_assets.engines.embedded.transform import evaluate, transform
from streaming_assets.engines.sql import CARRIED
from streaming_assets.errors import PluginError
from streaming_assets.fitting import Fitter
from streaming_assets.lake.schemas import COORDINATES, MISFIT, silver_schema
from streaming_assets.settings import FUNCTION_SECONDS

_MEMORY = "256MiB"
"""Memory of DuckDB in one worker; a batch of Spark's has at most 20,000 records, as `session` sets."""

_LARGEST = 16 * 2**10
"""Longest value, in bytes, that the native check looks at."""

WHY = {each.name: f"_sa_{each.name}" for each in MISFIT}
"""The columns that tell why a record does not fit, and their names beside those of an event."""

BROKEN = "broken"
"""In place of a reason: the Silver function itself is broken. `_sa_detail` has the parts of the error, as JSON."""

_ORIGIN = (*COORDINATES, "batch")


def decided_schema(source: EventSource) -> pa.Schema:
    """Return the columns of decided records.

    Of those that fit: the event's fields and `CARRIED`; or, where Silver is a function, Silver's columns but
    `event_date`, and `CARRIED`'s places. Of misfits: `CARRIED`'s places and `_sa_reason`, `_sa_field`, `_sa_detail`.
    """
    why = [pa.field(inside, pa.string()) for inside in WHY.values()]
    carried = accepted_schema(source.schema)
    if source.silver.function is None:
        return pa.schema([*carried, *why])
    places = [carried.field(CARRIED[each]) for each in _ORIGIN]
    columns = [field for field in silver_schema(source) if field.name not in {*_ORIGIN, "event_date"}]
    return pa.schema([*(field.with_nullable(True) for field in columns), *places, *why])


def for_workers(source: EventSource) -> EventSource:
    """Return a source without what workers do not need, and may not be able to load."""
    return replace(source, producer=_no_producer, gold=())


def _no_producer(_options: Mapping[str, str]) -> Producer:
    raise ValueError("workers have no producer")


@dataclass(frozen=True)
class Decide:
    """Decides about batches of records; see `DataFrame.mapInArrow`."""

    source: EventSource
    """The source, as `for_workers` gives it."""
    pseudonym_key: bytes = field(repr=False)
    """Key of the pseudonyms."""
    function_seconds: float = FUNCTION_SECONDS
    """Longest time that a Silver function may take for a batch."""

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the decided records of each batch, with the columns of `decided_schema`.

        Args:
            batches: Records: `topic`, `partition`, `offset`, `batch`, `seen_at`, `value`.
        """
        with _connection() as connection:
            set_pseudonym_key(connection, self.pseudonym_key)
            for batch in batches:
                yield from self._decide(connection, pa.Table.from_batches([batch])).to_batches()

    def _decide(self, connection: duckdb.DuckDBPyConnection, records: pa.Table) -> pa.Table:
        schema = self.source.schema
        connection.register("records", records)
        query = parsed_query(NativeCheck(schema), "records", _LARGEST)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE parsed AS {query}")
        doubtful = fetch(
            connection,
            """
            SELECT r.* FROM records r
            JOIN parsed p ON p._sa_topic = r.topic AND p._sa_partition = r."partition" AND p._sa_offset = r."offset"
            WHERE NOT p._sa_fits
            """,
        )
        accepted, misfits = decide_rows(Fitter(schema), schema, doubtful.to_pylist())
        connection.register("accepted", accepted)
        connection.register("misfits", misfits)
        columns = f"{event_columns(schema)}, {', '.join(map(name, CARRIED.values()))}"
        connection.execute(
            f"""
            CREATE OR REPLACE TEMP VIEW events AS SELECT {columns} FROM (
                SELECT * REPLACE (coalesce(_sa_event_id, concat(_sa_partition, '-', _sa_offset)) AS _sa_event_id)
                FROM (SELECT * EXCLUDE (_sa_fits, _sa_seen_at) FROM parsed WHERE _sa_fits
                      UNION ALL BY NAME SELECT * FROM accepted)
            )
            """
        )
        return pa.concat_tables([self._shaped(self._fitting(connection)), self._shaped(_misfits(connection))])

    def _fitting(self, connection: duckdb.DuckDBPyConnection) -> pa.Table:
        if self.source.silver.function is None:
            return fetch(connection, "SELECT * FROM events")
        try:
            # What a batch shows proves nothing of the plugin.
            transform(connection, self.source, failed_before=True, limit=self.function_seconds)
        except PluginError as error:
            return pa.table({WHY["reason"]: [BROKEN], WHY["detail"]: [json.dumps(error.__dict__)]})
        rows = fetch(connection, "SELECT * FROM refined")
        return rows.rename_columns([CARRIED[each] if each in _ORIGIN else each for each in rows.column_names])

    def _shaped(self, rows: pa.Table) -> pa.Table:
        """Give rows all columns of decided records, null where they have none."""
        schema = decided_schema(self.source)
        columns = [
            rows.column(each.name).cast(each.type) if each.name in rows.column_names
            else pa.nulls(rows.num_rows, each.type)
            for each in schema
        ]  # fmt: skip
        return pa.Table.from_arrays(columns, schema=schema)


def _misfits(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    misfits = fetch(connection, "SELECT * FROM misfits")
    return misfits.rename_columns([CARRIED.get(each) or WHY[each] for each in misfits.column_names])


@dataclass(frozen=True)
class Isolate:
    """Finds the events that Silver SQL fails on, as the embedded engine does; see `DataFrame.mapInArrow`."""

    source: EventSource
    """The source, as `for_workers` gives it."""

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield which events of each batch fail and why, with the columns of `decide.MISFITS`.

        Args:
            batches: Events, as `decided_schema` without why.
        """
        with _connection() as connection:
            for batch in batches:
                connection.register("events", pa.Table.from_batches([batch]))
                connection.register("misfits", MISFITS.empty_table())
                with suppress(PluginError):  # SQL that Spark alone can run; it finds its failures itself
                    evaluate(connection, self.source, failed_before=True)
                yield from fetch(connection, "SELECT * FROM misfits").cast(MISFITS).to_batches()


@contextmanager
def _connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"memory_limit": _MEMORY, "threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
