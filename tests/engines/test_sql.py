"""Plugin SQL made ready for DuckDB."""

from __future__ import annotations

import duckdb
import pytest

from streaming_assets.contract import Field, ScalarType, SilverTable
from streaming_assets.engines.sql import CARRIED, DUCKDB, SPARK, silver_query, transpile


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT regexp_extract('a-12', '([a-z])-([0-9]+)', 2)", "12"),
        ("SELECT size(array(1, 2, 3))", 3),
        ("SELECT `a b` FROM (SELECT 7 AS `a b`)", 7),
        ("SELECT instr('abc', 'c')", 3),
        ("SELECT CAST('7' AS BIGINT) + 1", 8),
    ],
)
def test_spark_sql_runs_on_duckdb(sql, expected):
    """A query in Spark's dialect gives on DuckDB what it gives on Spark."""
    assert expected == duckdb.sql(transpile(sql, DUCKDB)).fetchall()[0][0]


def test_spark_sql_stays_as_it_is():
    """A query translated from Spark to Spark is the same query."""
    assert transpile("SELECT `a b` FROM silver", SPARK) == "SELECT `a b` FROM silver"


def source_of(make_source, sql):
    columns = (Field(name="kind", type=ScalarType.STRING),)
    return make_source(silver=SilverTable(sql=sql, columns=columns))


def test_silver_sql_carries_identity_and_coordinates(make_source):
    """What identifies an event is selected under its own name, beside the plugin's columns."""
    query = silver_query(source_of(make_source, "SELECT upper(kind) AS kind FROM events"), DUCKDB)
    carried = ", ".join(f"'{name}' AS {inside}" for name, inside in CARRIED.items())
    rows = duckdb.sql(f"WITH events AS (SELECT 'view' AS kind, {carried}) {query}")
    assert rows.fetchall() == [("VIEW", *CARRIED)]
    assert rows.columns == ["kind", *CARRIED]


@pytest.mark.parametrize("sql", [None, "SELECT 1 UNION SELECT 2"])
def test_only_a_select_can_carry(make_source, sql):
    """A Silver function, or SQL that is no SELECT, is a mistake of the caller."""
    with pytest.raises((ValueError, TypeError), match="shop"):
        silver_query(source_of(make_source, sql), DUCKDB)
