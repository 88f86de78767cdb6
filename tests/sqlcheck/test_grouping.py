"""What a grouped query may read, and where aggregates may stand: what is refused, DuckDB refuses as well."""

from __future__ import annotations

import re
from collections.abc import Iterator

import duckdb
import pytest

from streaming_assets.contract import Array, Field, GoldTable, ScalarType, SilverTable, Struct
from streaming_assets.engines.sql import DUCKDB, transpile
from streaming_assets.errors import Fault
from streaming_assets.sqlcheck import gold_faults

ACTOR = Struct(fields=(Field(name="login", type=ScalarType.STRING), Field(name="id", type=ScalarType.LONG)))
SILVER = SilverTable(
    columns=(
        Field(name="kind", type=ScalarType.STRING),
        Field(name="amount", type=ScalarType.DOUBLE),
        Field(name="n", type=ScalarType.LONG),
        Field(name="flag", type=ScalarType.BOOLEAN),
        Field(name="actor", type=ACTOR),
        Field(name="tags", type=Array(items=ScalarType.STRING)),
    ),
    sql="",
)
AS_DUCKDB = (
    "CREATE TABLE silver (kind VARCHAR, amount DOUBLE, n BIGINT, flag BOOLEAN,"
    " actor STRUCT(login VARCHAR, id BIGINT), tags VARCHAR[], event_id VARCHAR, event_time TIMESTAMPTZ)"
)
NAMES = {"t": ScalarType.STRING, "v": ScalarType.LONG, "w": ScalarType.LONG, "h": ScalarType.TIMESTAMP}


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """Give an engine with an empty Silver table."""
    with duckdb.connect() as connection:
        connection.execute(AS_DUCKDB)
        yield connection


def faults(sql: str, **more: str) -> list[Fault]:
    """Check a query whose result columns are declared as their names say."""
    names = re.findall(r"(?:AS|SELECT) ([tvwh])\b", sql)
    columns = tuple(Field(name=name, type=NAMES[name]) for name in dict.fromkeys(names))
    table = GoldTable(name="t", description="A table.", sql=sql, columns=columns, keys=(), **more)
    return gold_faults(table, SILVER, "sql")


RIGHT = [
    "SELECT kind AS t, count(*) AS v FROM silver GROUP BY kind",
    "SELECT kind AS t, count(*) AS v FROM silver GROUP BY 1",
    "SELECT kind AS t, count(*) AS v FROM silver GROUP BY t",
    "SELECT kind AS t, n + 1 AS v, count(*) AS w FROM silver GROUP BY ALL",
    "SELECT n - (SELECT max(n) FROM silver) AS v, count(*) AS w FROM silver GROUP BY ALL",
    "SELECT s.kind AS t, count(*) AS v FROM silver s GROUP BY KIND",
    "SELECT kind AS t, count(*) AS v FROM silver AS s GROUP BY `s`.`kind`",
    "SELECT kind AS t, count(*) AS v FROM silver GROUP BY (kind, n)",
    "SELECT kind AS t, n AS v FROM silver GROUP BY kind, n",
    "SELECT count(*) AS v, 'x' AS t FROM silver",
    "SELECT concat(kind, '/', string(count(*))) AS t FROM silver GROUP BY kind",
    "SELECT (n + 1) * 2 AS v, count(*) AS w FROM silver GROUP BY (n + 1)",
    "SELECT n % 2 AS v, count(*) AS w FROM silver GROUP BY mod(n, 2)",
    "SELECT date_trunc('hour', event_time) AS h, count(*) AS v FROM silver GROUP BY date_trunc('hour', event_time)",
    (
        "SELECT date_trunc('hour', s.event_time) + INTERVAL 1 HOUR AS h, count(*) AS v FROM silver s"
        " GROUP BY date_trunc('hour', event_time)"
    ),
    "SELECT CASE WHEN n > 1 THEN 'a' ELSE 'b' END AS t, count(*) AS v FROM silver GROUP BY t",
    "SELECT kind AS t, CASE WHEN kind = 'a' THEN max(n) END AS v FROM silver GROUP BY kind",
    "SELECT actor.login AS t, actor.id AS v FROM silver GROUP BY actor",
    "SELECT s.actor.id + 1 AS v, count(*) AS w FROM silver s GROUP BY actor.id",
    "SELECT kind AS t, count(*) FILTER (WHERE flag) AS v FROM silver GROUP BY kind",
    "SELECT kind AS t, count(DISTINCT n, flag) AS v FROM silver GROUP BY kind",
    "SELECT DISTINCT count(*) AS v FROM silver GROUP BY kind, n",
    "SELECT kind AS t, count(*) AS v, v * 2 AS w FROM silver GROUP BY kind",
    "SELECT kind AS t FROM silver GROUP BY kind HAVING count(*) > 1 AND max(n) > 2 AND t > 'a'",
    "SELECT kind AS t, max(n) AS v FROM silver GROUP BY kind HAVING v > 1 ORDER BY v, kind, min(amount)",
    "SELECT kind AS t, sum(sum(n)) OVER (PARTITION BY kind ORDER BY max(n)) AS v FROM silver GROUP BY kind",
    "SELECT kind AS t, rank() OVER (ORDER BY count(*) DESC) AS v FROM silver GROUP BY kind",
    "SELECT kind AS t, rank() OVER (ORDER BY count(*) DESC) AS v FROM silver GROUP BY ALL",
    "SELECT kind AS t, rank() OVER w AS v FROM silver GROUP BY kind WINDOW w AS (ORDER BY count(*))",
    "SELECT kind AS t, lag(count(*)) OVER (ORDER BY kind) AS v FROM silver GROUP BY kind",
    "SELECT kind AS t, count(*) OVER (PARTITION BY kind) AS v FROM silver",
    "SELECT kind AS t, sum(n) FILTER (WHERE flag) OVER (PARTITION BY kind) AS v FROM silver",
    "SELECT array_join(transform(tags, tag -> concat(tag, kind)), ',') AS t FROM silver GROUP BY tags, kind",
    "SELECT array_join(sort_array(collect_list(kind)), ',') AS t FROM silver GROUP BY n",
    "SELECT kind AS t FROM silver GROUP BY kind HAVING kind IN (SELECT kind FROM silver WHERE n > 1)",
    "SELECT kind AS t, (SELECT max(b.n) + a.n FROM silver b) AS v FROM silver a GROUP BY kind, a.n",
    "SELECT kind AS t, count(*) AS v FROM silver a JOIN silver b USING (kind) GROUP BY kind",
    "SELECT a.kind AS t, count(*) AS v FROM silver a JOIN silver b USING (kind) GROUP BY kind",
    "SELECT kind AS t, count(*) AS v FROM silver a LEFT JOIN silver b USING (kind) GROUP BY a.kind",
    "WITH c AS (SELECT kind, count(*) AS v FROM silver GROUP BY kind) SELECT kind AS t, v FROM c WHERE v > 1",
    "SELECT max(c) AS v FROM (SELECT count(*) AS c FROM silver GROUP BY kind)",
    "SELECT kind AS t, n AS v, count(*) AS w FROM silver GROUP BY ROLLUP (kind, n)",
]

WRONG = {
    "SELECT kind AS t, «n» AS v FROM silver GROUP BY kind": "n in GROUP BY as well",
    "SELECT kind AS t, 2 * «n» AS v FROM silver GROUP BY 1": "max(n)",
    "SELECT kind AS t, «n» + sum(n) AS v FROM silver GROUP BY ALL": "n in GROUP BY as well",
    "SELECT kind AS t, sum(«n») OVER () AS v FROM silver GROUP BY kind": "n in GROUP BY as well",
    "SELECT kind AS t, rank() OVER (ORDER BY «n») AS v FROM silver GROUP BY kind": "n in GROUP BY as well",
    "SELECT kind AS t FROM silver GROUP BY kind HAVING «n» > 1": "n in GROUP BY as well",
    "SELECT kind AS t FROM silver GROUP BY kind ORDER BY «n»": "n in GROUP BY as well",
    "SELECT «kind» = 'A' AS t FROM silver GROUP BY kind = 'a'": "kind in GROUP BY as well",
    "SELECT «actor».login AS t FROM silver GROUP BY actor.id": "actor.login in GROUP BY as well",
    "SELECT «kind» AS n FROM silver GROUP BY n": "kind in GROUP BY as well",
    "SELECT t FROM (SELECT «kind» AS t, count(*) AS v FROM silver GROUP BY n)": "kind in GROUP BY as well",
    "SELECT «kind» AS t, n AS w, count(*) AS v FROM silver": "GROUP BY kind, n; or an aggregate",
    "SELECT «kind» AS t FROM silver HAVING count(*) > 1": "GROUP BY kind; or an aggregate",
    "SELECT kind AS t FROM silver WHERE «count(*)» > 1 GROUP BY kind": "HAVING",
    "SELECT kind AS t FROM silver WHERE «row_number() OVER (ORDER BY event_id, event_time)» = 1": "an inner query",
    "SELECT a.kind AS t FROM silver a JOIN silver b ON a.n = b.n AND «max(b.n)» > 1 GROUP BY 1": "an inner query",
    "SELECT kind AS t, «count(*)» AS v FROM silver GROUP BY 1, 2": "one row",
    "SELECT kind AS t FROM silver GROUP BY kind, «rank() OVER (ORDER BY kind)»": "an inner query",
    "SELECT kind AS t FROM silver GROUP BY kind HAVING «rank() OVER (ORDER BY kind)» = 1": "an inner query",
    "SELECT kind, concat(«kind», string(count(*))) AS t FROM silver GROUP BY ALL": "the names of the columns",
    "SELECT n AS w, rank() OVER (PARTITION BY «n» ORDER BY max(n)) AS v FROM silver GROUP BY ALL": "the names of",
    "SELECT n AS w, «rank() OVER (ORDER BY n)» AS v FROM silver GROUP BY ALL": "the names of the columns",
    "SELECT n AS w, «sum(n) OVER (ORDER BY n)» AS v FROM silver GROUP BY ALL": "the names of the columns",
    "SELECT rank() OVER (ORDER BY «rank() OVER (ORDER BY n)») AS v FROM silver": "as a column of an inner query",
    "SELECT max(«count(*)») AS v FROM silver GROUP BY kind": "as a column of an inner query",
    "SELECT sum(max(«count(*)»)) OVER () AS v FROM silver GROUP BY kind": "as a column of an inner query",
    "SELECT max(«rank() OVER (ORDER BY n)») AS v FROM silver": "as a column of an inner query",
    "SELECT count(*) FILTER (WHERE «max(n)» > 1) AS v FROM silver": "as a column of an inner query",
}


@pytest.mark.parametrize("sql", RIGHT)
def test_a_query_that_groups_rightly_has_no_faults(sql: str, engine: duckdb.DuckDBPyConnection) -> None:
    """What is grouped by or aggregated may be read, however it is written."""
    assert [str(fault) for fault in faults(sql)] == []
    engine.execute(transpile(sql, DUCKDB))


@pytest.mark.parametrize(("marked", "expected"), WRONG.items(), ids=list(WRONG))
def test_a_query_that_no_engine_can_group_is_refused(
    marked: str, expected: str, engine: duckdb.DuckDBPyConnection
) -> None:
    """The fault names what is wrong, where it stands and what to do, and DuckDB does not run it either."""
    before, part, _ = re.split("[«»]", marked)
    sql = re.sub("[«»]", "", marked)
    told = [
        (fault.place.column, fault.place.length) for fault in faults(sql) if fault.place and expected in fault.expected
    ]
    assert told == [(len(before) + 1, len(part))]
    with pytest.raises((duckdb.BinderException, duckdb.ParserException)):
        engine.execute(transpile(sql, DUCKDB))


def test_each_ungrouped_column_is_told_once() -> None:
    """A column that is read several times is one fault, and each further one is another."""
    found = [
        fault.found for fault in faults("SELECT n + n AS v, n AS w FROM silver GROUP BY kind, flag HAVING amount > 1")
    ]
    assert found == [
        "the column 'n', which is neither grouped by nor aggregated",
        "the column 'amount', which is neither grouped by nor aggregated",
    ]
