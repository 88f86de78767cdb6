"""A query as a whole: how it reads, what it reads, and where a fault is."""

from __future__ import annotations

import re

import pytest

from streaming_assets.sqlcheck import gold_faults, silver_faults
from tests.support.queries import DOUBLE, LONG, SCHEMA, SILVER, TEXT, columns, gold, silver, table


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("SELECT kind FROM events WHERE", "line 1, column 25"),
        ("SELECT kind,\n  FROM events", "line 1, column 12"),
        ("SELECT kind\nFORM events e x", "line 2, column 6"),
        ("SELECT 'kind FROM events", "line 1, column 8"),
        ("SELECT 'é', kind,\n  'x FROM events", "line 2, column 3"),
        ("SELECT kind,\n  /* kind,\n amount\nFROM events", "line 2, column 3"),
    ],
)
def test_syntax_error_gives_its_place(sql: str, place: str) -> None:
    """SQL that can't be read is one fault with line and column."""
    (fault,) = silver(sql, kind=TEXT)

    assert place in fault


@pytest.mark.parametrize("sql", ["/*", "SELECT kind /* 'FROM events", "SELECT kind /* a /* b */ FROM events"])
def test_a_comment_that_does_not_end_is_told_as_one(sql: str) -> None:
    """Whatever stands in a comment that does not end, it is said to be one."""
    (fault,) = silver_faults(sql, SCHEMA, columns(kind=TEXT), "sql")
    assert (fault.found, fault.place and fault.place.column) == (
        "a comment that does not end (missing */)",
        sql.index("/*") + 1,
    )


@pytest.mark.parametrize("sql", ["", "-- nothing", "SELECT kind FROM events; SELECT 1", "DROP TABLE events", "/* x"])
def test_anything_but_one_select_is_refused(sql: str) -> None:
    """The SQL of a table is one SELECT statement and nothing else."""
    assert len(silver(sql, kind=TEXT)) == 1


def test_all_unknown_columns_are_named_with_the_nearest() -> None:
    """Every unknown column and nested field is a fault with its place and the nearest name."""
    faults = silver("SELECT knd, actor.logn, events.amont FROM events", knd=TEXT, logn=TEXT, amont=DOUBLE)

    assert len(faults) == 3
    assert any("'knd' at line 1, column 8, expected 'kind'" in fault for fault in faults)
    assert any("actor.logn" in fault and "expected 'login'" in fault for fault in faults)
    assert any("'events.amont' at line 1, column 32, expected 'amount'" in fault for fault in faults)


def test_unknown_columns_of_inner_queries_are_found() -> None:
    """Columns are followed through inner queries."""
    faults = gold("WITH a AS (SELECT kind AS k FROM silver) SELECT a.kind AS v, z FROM a", {"v": TEXT, "z": TEXT})

    assert any("'a.kind'" in fault for fault in faults)
    assert any("'z'" in fault for fault in faults)


def test_a_misspelt_table_is_offered_the_nearest() -> None:
    """A table that is not there is answered with the nearest of `silver` and the statement's own queries."""
    (silvr,) = gold("SELECT kind FROM silvr", {"kind": TEXT})
    (inner,) = gold("WITH counted AS (SELECT kind FROM silver) SELECT kind FROM conted", {"kind": TEXT})

    assert "at line 1, column 18, expected 'silver': " in silvr
    assert "expected 'counted': " in inner


def test_column_of_two_tables_needs_its_table() -> None:
    """A column that two joined tables have is ambiguous without its table's name."""
    (fault,) = gold("SELECT n AS v FROM silver a JOIN silver b ON a.kind = b.kind", {"v": LONG})

    assert "ambiguous column 'n'" in fault


def test_names_are_compared_as_spark_does() -> None:
    """Capitals make no difference in names."""
    assert gold("SELECT KIND, User_Id FROM Silver", {"kind": TEXT, "user_id": TEXT}) == []


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT kind FROM bronze", "`bronze`"),
        ("SELECT kind FROM events", "`events`"),
        ("SELECT kind FROM lake.silver", "`lake.silver`"),
        ("SELECT kind FROM (VALUES ('a')) AS v(kind)", "VALUES"),
        ("SELECT string(id) AS kind FROM range(3)", "RANGE(3)"),
        ("WITH silver AS (SELECT 'a' AS kind) SELECT kind FROM silver", "'silver'"),
        ("SELECT kind FROM silver LATERAL VIEW explode(tags) t AS tag", "LATERAL VIEW"),
        ("SELECT kind FROM silver LIMIT 3", "LIMIT"),
        ("SELECT kind FROM silver QUALIFY row_number() OVER (ORDER BY event_id) = 1", "QUALIFY"),
        ("SELECT kind FROM (SELECT kind FROM silver UNION SELECT kind FROM silver)", "UNION"),
        ("SELECT kind FROM (SELECT kind FROM silver EXCEPT SELECT kind FROM silver)", "EXCEPT"),
        ("SELECT /*+ BROADCAST(silver) */ kind FROM silver", "hint"),
        ("SELECT kind FROM silver TABLESAMPLE (10 PERCENT)", "TABLESAMPLE"),
    ],
)
def test_gold_query_reads_silver_only(sql: str, found: str) -> None:
    """Gold SQL reads `silver` and its own inner queries, and no clause that engines differ in."""
    faults = gold(sql, {"kind": TEXT})

    assert any(found in fault for fault in faults), faults


PLACES = [
    "SELECT kind, sum(n) AS n,\n  «amont» AS amount FROM silver GROUP BY ALL",
    "SELECT kind, 'é' AS é,\n  `n` + «`amont`» AS amount FROM silver",
    "SELECT actor.«logn» AS login FROM silver",
    "SELECT kind AS «knd» FROM silver",
    "SELECT kind,\n  «cast(amount AS BIGINT)» AS n FROM silver",
    "SELECT n,\n «n / n» AS amount FROM silver",
    "SELECT kind FROM silver\n«LIMIT» 3",
    "SELECT kind FROM silver CROSS\n JOIN «bronze»",
    "SELECT kind,\n  «first»(n) AS n FROM silver GROUP BY 1",
    "SELECT kind AS k,\n «row_number() OVER (PARTITION BY kind ORDER BY n)» AS n FROM silver",
    "SELECT kind\n FROM silver kund «king»",
    "SELECT kind FROM silver WHERE kind = \n«'»a",
    "SELECT kind, /* a */ '/* b', -- /* c\n n «/*» kind,\n /* d */ 'e FROM silver",
]


@pytest.mark.parametrize("marked", PLACES)
def test_a_fault_knows_its_place_in_the_query(marked: str) -> None:
    """A fault says which characters of which line of the query it is about."""
    before, part, _ = re.split("[«»]", marked)
    sql = re.sub("[«»]", "", marked)
    faults = gold_faults(table(sql, {"kind": TEXT, "k": TEXT, "n": LONG, "amount": DOUBLE, "login": TEXT}), SILVER, "")

    expected = (before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1, len(part))
    places = [(fault.place.line, fault.place.column, fault.place.length) for fault in faults if fault.place]
    assert expected in places
    assert {fault.place.text for fault in faults if fault.place} == {sql}
