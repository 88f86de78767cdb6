"""The plugin's Silver transform. A record it fails on goes to quarantine; the batch goes on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import duckdb
import pyarrow as pa

from streaming_assets.contract import EventSource
from streaming_assets.engines.broken_plugin import ALL_FAIL, MOST_FAILURES, broken_silver
from streaming_assets.engines.embedded.decide import MISFITS
from streaming_assets.engines.embedded.duck import casts, count, fetch, first_line, literal, name
from streaming_assets.engines.embedded.functions import call_function
from streaming_assets.engines.sql import CARRIED, DUCKDB, silver_query
from streaming_assets.errors import PluginError
from streaming_assets.fitting import Reason
from streaming_assets.isolation import described
from streaming_assets.lake.schemas import PLACE, silver_schema
from streaming_assets.settings import FUNCTION_SECONDS


def transform(
    connection: duckdb.DuckDBPyConnection,
    source: EventSource,
    *,
    failed_before: bool = False,
    limit: float = FUNCTION_SECONDS,
) -> None:
    """Transform the relation `events` to the table `refined`; add the records it fails on to `misfits`.

    Args:
        connection: Where SQL runs.
        source: The source.
        failed_before: The records did not fit before. So many of them that fail again prove nothing.
        limit: Seconds that a function may take.

    Raises:
        PluginError: The transform fails whatever the record, gives another number of rows, or does not come back.
    """
    evaluate(connection, source, failed_before=failed_before, limit=limit)
    _refuse_nulls(connection, source, failed_before=failed_before)


def evaluate(
    connection: duckdb.DuckDBPyConnection,
    source: EventSource,
    *,
    failed_before: bool,
    limit: float = FUNCTION_SECONDS,
) -> None:
    """Transform as `transform`, but keep rows without a required value."""
    how = partial(_by_function, limit) if source.silver.function is not None else _by_sql
    try:
        how(connection, source, "events")
    except DEFINITION_ERRORS as error:
        raise broken_silver(source, first_line(error)) from error
    except _RECORD_ERRORS:
        _isolate(connection, source, how, failed_before=failed_before)


class RecordFailure(Exception):
    """The transform fails on at least one record."""


DEFINITION_ERRORS = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)
"""What DuckDB raises where a query can't run, whatever the rows."""

# Not all of DuckDB's: memory that runs out, a full disk or an interrupt is no record's fault.
_RECORD_ERRORS = (duckdb.DataError, duckdb.InvalidInputException, pa.ArrowInvalid, RecordFailure)


_Evaluate = Callable[[duckdb.DuckDBPyConnection, EventSource, str], None]


def _by_sql(connection: duckdb.DuckDBPyConnection, source: EventSource, relation: str) -> None:
    query = silver_query(source, DUCKDB)
    if relation != "events":
        query = f"WITH events AS (SELECT * FROM {relation}) {query}"
    _store(connection, source, query)


def _by_function(limit: float, connection: duckdb.DuckDBPyConnection, source: EventSource, relation: str) -> None:
    rows = fetch(connection, f"SELECT * FROM {relation}")
    try:
        result = call_function(source, rows.drop_columns(list(CARRIED.values())), limit)
    except PluginError:
        raise
    except Exception as error:  # also in place of an exit: a plugin that calls sys.exit ends no refresh
        raise RecordFailure(described(error)) from error
    declared = _declared(source, result, rows.num_rows)
    for column, inside in CARRIED.items():
        declared = declared.append_column(column, rows.column(inside))
    connection.register("function_result", declared)
    _store(connection, source, "SELECT * FROM function_result")


def _declared(source: EventSource, result: object, rows: int) -> pa.Table:
    """Return the declared columns of what a Silver function gave: others could have the names of those to come."""
    columns = [column.name for column in source.silver.columns]
    if not isinstance(result, pa.Table):
        found = type(result).__name__
    elif result.num_rows != rows:
        found = f"{result.num_rows} rows"
    elif not set(columns) <= set(result.column_names):
        found = f"the columns {', '.join(result.column_names)}"
    else:
        return result.select(columns)
    raise PluginError(
        f"The Silver function of {source.name} did not give one row for each event.",
        found=found,
        expected=f"a pyarrow.Table of {rows} rows with the columns {', '.join(columns)}",
        meaning="nothing was written; Bronze has every record",
        remedy="fix the function, then run the refresh again",
    )


def _store(connection: duckdb.DuckDBPyConnection, source: EventSource, query: str) -> None:
    columns = casts(connection, _refined_schema(source))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE refined AS SELECT {columns} FROM ({query})")


def _refined_schema(source: EventSource) -> pa.Schema:
    schema = silver_schema(source)
    return schema.remove(schema.get_field_index("event_date"))  # the day is added when rows are written


def _refuse_nulls(connection: duckdb.DuckDBPyConnection, source: EventSource, *, failed_before: bool) -> None:
    """Take the rows out of `refined` that have no value in a required column."""
    for column in (column.name for column in source.silver.columns if column.required):
        condition = f"{name(column)} IS NULL"
        nulls = count(connection, f"refined WHERE {condition}")
        if not failed_before and nulls == count(connection, "refined") >= ALL_FAIL:
            raise broken_silver(source, f"the required column {column} is null for every record")
        if nulls:
            why = literal(f"the required column {column} is null")
            _add_misfits(connection, f"SELECT {PLACE}, batch, {why} FROM refined WHERE {condition}")
            connection.execute(f"DELETE FROM refined WHERE {condition}")


def _add_misfits(connection: duckdb.DuckDBPyConnection, failed: str) -> None:
    """Add records to `misfits`: a query of their coordinates, batch and detail."""
    misfits = fetch(
        connection,
        f"""
        SELECT * FROM misfits
        UNION ALL
        SELECT {PLACE}, batch, '{Reason.SILVER_FAILED}', NULL, detail
        FROM ({failed}) AS failed({PLACE}, batch, detail)
        """,
    )
    connection.register("misfits", misfits.cast(MISFITS))


def _isolate(
    connection: duckdb.DuckDBPyConnection, source: EventSource, evaluate: _Evaluate, *, failed_before: bool
) -> None:
    """Find the records that fail by halving; keep the rows of all others."""
    connection.execute("CREATE OR REPLACE TEMP TABLE numbered AS SELECT *, row_number() OVER () AS _sa_row FROM events")
    total = count(connection, "numbered")
    done: list[pa.Table] = []
    failed: list[tuple[int, str]] = []
    ranges = [(1, total)] if total else []
    while ranges:
        low, high = ranges.pop()
        connection.execute(
            "CREATE OR REPLACE TEMP VIEW some_events AS SELECT * EXCLUDE (_sa_row) FROM numbered "
            f"WHERE _sa_row BETWEEN {low} AND {high}"
        )
        try:
            evaluate(connection, source, "some_events")
        except _RECORD_ERRORS as error:
            if low == high:
                failed.append((low, first_line(error)))
                if len(failed) == MOST_FAILURES and not failed_before:
                    raise broken_silver(
                        source, f"{len(failed):,} records failed, the last with: {failed[-1][1]}"
                    ) from error
            else:
                middle = (low + high) // 2
                ranges += [(low, middle), (middle + 1, high)]
        else:
            done.append(fetch(connection, "SELECT * FROM refined"))
    if len(failed) == total >= ALL_FAIL and len({why for _, why in failed}) == 1 and not failed_before:
        raise broken_silver(source, failed[0][1])
    _keep(connection, source, done, failed)


def _keep(
    connection: duckdb.DuckDBPyConnection, source: EventSource, done: list[pa.Table], failed: list[tuple[int, str]]
) -> None:
    empty = _refined_schema(source).empty_table()
    connection.register("kept", pa.concat_tables(done) if done else empty)
    connection.execute("CREATE OR REPLACE TEMP TABLE refined AS SELECT * FROM kept")
    kinds = pa.schema([("_sa_row", pa.int64()), ("detail", pa.string())])
    connection.register("failed", pa.table([[row for row, _ in failed], [why for _, why in failed]], schema=kinds))
    _add_misfits(
        connection,
        "SELECT _sa_topic, _sa_partition, _sa_offset, _sa_batch, detail FROM numbered JOIN failed USING (_sa_row)",
    )
