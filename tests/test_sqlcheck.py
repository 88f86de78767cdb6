"""Static analysis of plugin SQL: what is refused, what is let through, and that what is let through runs."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest
import sqlglot

from streaming_assets.contract import (
    Array,
    EventSchema,
    EventSource,
    Field,
    GoldTable,
    Rule,
    ScalarType,
    SilverTable,
    Struct,
    Topic,
)
from streaming_assets.sqlcheck import column_lineage, field_pattern_problem, gold_faults, silver_faults
from streaming_assets.sqlcheck.functions import PORTABLE, REMEDIES
from streaming_assets.sqlcheck.patterns import sql_pattern_problem

TEXT, LONG, DOUBLE = ScalarType.STRING, ScalarType.LONG, ScalarType.DOUBLE
TIME, DAY, BOOLEAN = ScalarType.TIMESTAMP, ScalarType.DATE, ScalarType.BOOLEAN

ACTOR = Struct(fields=(Field(name="login", type=TEXT), Field(name="id", type=LONG)))

SCHEMA = EventSchema(
    fields=(
        Field(name="id", type=TEXT),
        Field(name="kind", type=TEXT),
        Field(name="payload", type=ScalarType.TEXT),
        Field(name="amount", type=DOUBLE),
        Field(name="at", type=TIME),
        Field(name="actor", type=ACTOR),
        Field(name="tags", type=Array(items=TEXT)),
    ),
    event_time="at",
    rules=(Rule(field="payload", when=("kind", ("count",)), pattern="[0-9]{1,18}"),),
)

SILVER = SilverTable(
    columns=(
        Field(name="user_id", type=TEXT),
        Field(name="kind", type=TEXT),
        Field(name="payload", type=TEXT),
        Field(name="amount", type=DOUBLE),
        Field(name="n", type=LONG),
        Field(name="flag", type=BOOLEAN),
        Field(name="actor", type=ACTOR),
        Field(name="tags", type=Array(items=TEXT)),
    ),
    sql="",
)

WINDOW = {"window_start": TIME, "window_end": TIME}


def columns(**types: Any) -> tuple[Field, ...]:
    """Declare columns."""
    return tuple(Field(name=name, type=kind) for name, kind in types.items())


def table(sql: str, declared: dict[str, Any], **more: Any) -> GoldTable:
    """Declare a Gold table."""
    return GoldTable(name="t", description="A table.", sql=sql, columns=columns(**declared), keys=(), **more)


def gold(sql: str, declared: dict[str, Any], **more: Any) -> list[str]:
    """Check a Gold query; give its faults as text."""
    return [str(fault) for fault in gold_faults(table(sql, declared, **more), SILVER, "sql")]


def silver(sql: str, **declared: Any) -> list[str]:
    """Check a Silver query; give its faults as text."""
    return [str(fault) for fault in silver_faults(sql, SCHEMA, columns(**declared), "sql")]


def value(expression: str, kind: Any = TEXT) -> list[str]:
    """Check one expression over Silver's columns."""
    return gold(f"SELECT {expression} AS v FROM silver", {"v": kind})


@pytest.mark.parametrize("name", ["@type", "$ref", "a-b", "1st", "select", "größe"])
def test_names_in_quotes_are_columns(name: str) -> None:
    """A field of an event is read by its name in quotes, whatever SQL makes of it without; a misspelt one is named."""
    schema = EventSchema(fields=(*SCHEMA.fields, Field(name=name, type=TEXT)), event_time=SCHEMA.event_time)
    query = f"SELECT `{name}` AS v, events.`{name}` AS w FROM events"
    assert [*silver_faults(query, schema, columns(v=TEXT, w=TEXT), "sql")] == []
    (fault,) = silver_faults(f"SELECT `{name}x` AS v FROM events", schema, columns(v=TEXT), "sql")
    assert (f"'{name}x'" in fault.found, f"'{name}'" in fault.expected) == (True, True)


def test_plain_silver_query_has_no_faults() -> None:
    """A row-wise query with nested fields is let through."""
    assert silver("SELECT kind AS k, actor.login, e.actor.id AS i FROM events e", k=TEXT, login=TEXT, i=LONG) == []


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT kind FROM events WHERE kind = 'a'", "WHERE"),
        ("SELECT kind FROM events GROUP BY kind", "GROUP BY"),
        ("SELECT kind FROM events HAVING true", "HAVING"),
        ("SELECT DISTINCT kind FROM events", "DISTINCT"),
        ("SELECT e.kind FROM events e JOIN events f ON e.id = f.id", "JOIN"),
        ("SELECT kind FROM events LIMIT 3", "LIMIT"),
        ("SELECT kind FROM events ORDER BY kind", "ORDER BY"),
        ("SELECT kind FROM events QUALIFY true", "QUALIFY"),
        ("SELECT kind FROM events UNION ALL SELECT kind FROM events", "UNION"),
        ("SELECT (SELECT 'a') AS kind FROM events", "(SELECT 'a')"),
        ("SELECT max(kind) AS kind FROM events", "MAX(kind)"),
        ("SELECT row_number() OVER (ORDER BY id) AS kind FROM events", "ROW_NUMBER()"),
        ("SELECT explode(tags) AS kind FROM events", "EXPLODE(tags)"),
        ("SELECT kind FROM events LATERAL VIEW explode(tags) t AS tag", "LATERAL VIEW"),
        ("SELECT kind FROM events TABLESAMPLE (10 PERCENT)", "TABLESAMPLE"),
        ("WITH e AS (SELECT kind FROM events) SELECT kind FROM e", "WITH"),
        ("SELECT kind FROM silver", "FROM silver"),
        ("SELECT kind FROM lake.events", "FROM lake.events"),
        ("SELECT 'a' AS kind", "no FROM"),
    ],
)
def test_silver_query_that_is_not_row_wise_is_refused(sql: str, found: str) -> None:
    """Silver SQL may only say what becomes of one event; the fault quotes what says more."""
    faults = silver(sql, kind=TEXT)

    assert any(found in fault for fault in faults), faults


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


def test_result_columns_are_the_declared_ones() -> None:
    """Missing, further and repeated result columns are named; their order is free."""
    faults = gold("SELECT n AS a, kind, kind AS kind FROM silver", {"b": TEXT, "kind": TEXT})

    assert any("'a', which is not declared" in fault for fault in faults)
    assert any("no result column 'b'" in fault for fault in faults)
    assert any("'kind' 2 times" in fault for fault in faults)
    assert gold("SELECT n, kind FROM silver", {"kind": TEXT, "n": LONG}) == []


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


ARGUMENTS = ("kind", "kind, 1", "kind, 1, 2", "DAY, event_time, event_time")


@pytest.mark.parametrize("name", sorted(set(REMEDIES) - {"some", "any", "current_user", "user", "session_user"}))
def test_function_that_differs_is_refused_with_its_remedy(name: str) -> None:
    """A function known to differ is refused, and the message says what to write instead."""
    # With too few or too many arguments some can't be parsed at all.
    faults = [fault for arguments in ARGUMENTS for fault in value(f"{name}({arguments})")]

    assert any(REMEDIES[name] in fault for fault in faults), faults


@pytest.mark.parametrize("name", ["current_date", "current_timestamp"])
def test_function_without_parentheses_is_refused_as_well(name: str) -> None:
    """The time of the run is refused however it is written."""
    assert any("another value in every run" in fault for fault in value(name, TIME))


@pytest.mark.parametrize("call", ["cnt(kind)", "`rand`()", "my.function(kind)"])
def test_unknown_function_is_refused(call: str) -> None:
    """A function that nobody compared is refused, quoted or not."""
    assert any("expected" in fault and "()" in fault for fault in value(call))


def test_unknown_function_gives_place_and_nearest() -> None:
    """A misspelt function is named with its place and the nearest known one."""
    (fault,) = value("\n  substrng(kind, 1, 2)")

    assert "substrng() at line 2, column 3" in fault
    assert "'substring'" in fault


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


REFUSED = {
    "try_cast(payload AS BIGINT)": "that a pattern has passed",
    "CASE WHEN kind RLIKE '^[0-9]+$' THEN try_cast(payload AS BIGINT) END": "that a pattern has passed",
    "cast(regexp_extract(payload, '^[0-9]+$', 0) AS BIGINT)": "try_cast",
    "cast(amount AS BIGINT)": "floor, ceil or round",
    "cast(amount AS STRING)": "fractional number",
    "cast(event_time AS STRING)": "date_format",
    "cast(event_time AS BIGINT)": "unix_micros",
    "n / amount": "nullif",
    "n % 0": "nullif",
    "n DIV n": "nullif",
    "payload > 3": "one type",
    "payload + 1": "one type",
    "coalesce(n, kind)": "one type",
    "kind IN (1, 2)": "one type",
    "coalesce(NULL, n, kind)": "one type",
    "CASE WHEN flag THEN kind ELSE n END": "one type",
    "CASE WHEN flag THEN 'x' WHEN n > 1 THEN 1 END": "one type",
    "CASE kind WHEN 1 THEN 'a' END": "one type",
    "CASE n WHEN 1 THEN 'a' WHEN '2' THEN 'b' END": "one type",
    "if(flag, kind, n)": "one type",
    "nvl2(flag, kind, n)": "one type",
    "greatest(kind, n)": "one type",
    "least(n, 1, kind)": "one type",
    "nullif(kind, n)": "one type",
    "equal_null(kind, n)": "one type",
    "kind BETWEEN 1 AND 2": "one type",
    "n NOT BETWEEN 1 AND '2'": "one type",
    "array(n, kind)": "one type",
    ":p": "written out",
    "concat(kind, :p)": "written out",
    "{p}": "written out",
    "${p}": "written out",
    "?": "written out",
    "date_format(event_time, 'yyyy-MM-dd HH:mm:ss.SSS')": "a pattern of",
    "date_format(event_time, 'yyyy QQQ')": "a pattern of",
    "date_format(event_time, kind)": "a pattern of",
    "regexp_extract(kind, '(?=a)b', 0)": "look-ahead",
    "kind RLIKE '(a)\\\\1'": "a backreference",
    "kind RLIKE payload": "written out",
    "regexp_extract(kind, 'a')": "group number up to 0",
    "regexp_replace(kind, '(a)', '$1$1')": "group references",
    "substring(kind, 0, 2)": "positions from 1",
    "split_part(kind, '/', 0)": "positions from 1",
    "tags[0]": "try_element_at",
    "split(kind, '/')[1]": "try_element_at",
    "sha2(kind, 512)": "256",
    "extract(DAYOFWEEK FROM event_time)": "one of DAY",
    "extract(SECOND FROM event_time)": "one of DAY",
    "date_trunc('decade', event_time)": "one of DAY",
    "date_trunc(kind, event_time)": "written out",
    "transform(tags, (tag, i) -> i)": "item alone",
    "count(DISTINCT kind) OVER (PARTITION BY user_id)": "DISTINCT",
}


@pytest.mark.parametrize(("expression", "expected"), REFUSED.items(), ids=list(REFUSED))
def test_expression_that_differs_is_refused(expression: str, expected: str) -> None:
    """An expression that gives other values, or stops a batch, on another engine is refused with the right form."""
    faults = value(expression)

    assert any(expected in fault for fault in faults), faults


@pytest.mark.parametrize(
    "expression",
    [
        "CASE WHEN flag THEN kind ELSE string(n) END",
        "CASE WHEN n > 1 THEN 'a' END",
        "CASE n WHEN 1 THEN 'a' ELSE NULL END",
        "CASE kind WHEN 'a' THEN kind WHEN NULL THEN 'b' END",
        "if(n BETWEEN 1 AND 2.5, kind, NULL)",
        "coalesce(nullif(kind, 'a'), greatest(kind, 'b'))",
    ],
)
def test_values_of_one_type_are_let_through(expression: str) -> None:
    """Texts beside texts, numbers beside numbers and nulls beside either have no faults."""
    assert value(expression) == []


@pytest.mark.parametrize("function", ["array_agg", "collect_list", "collect_set"])
def test_list_of_rows_needs_an_order(function: str) -> None:
    """Collected lists are refused unless they are sorted at once."""
    declared = {"v": Array(items=TEXT)}

    assert any("sort_array" in fault for fault in gold(f"SELECT {function}(kind) AS v FROM silver", declared))
    assert gold(f"SELECT sort_array({function}(kind)) AS v FROM silver", declared) == []


def test_extreme_of_structs_is_refused() -> None:
    """The greatest struct is refused: engines order nulls inside of it differently."""
    assert any("row_number()" in fault for fault in value("max(struct(n, kind)).kind"))


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("amount", LONG),
        ("avg(n)", LONG),
        ("amount", TEXT),
        ("event_time", TEXT),
        ("payload", LONG),
        ("flag", LONG),
        ("tags", TEXT),
        ("n", TIME),
        ("event_time", LONG),
        ("actor", TEXT),
    ],
)
def test_result_that_is_cast_differently_is_refused(expression: str, kind: ScalarType) -> None:
    """A result whose cast to the declared type differs between engines is refused."""
    assert any("of type" in fault for fault in value(expression, kind))


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("n", DOUBLE),
        ("round(amount)", LONG),
        ("sum(n)", LONG),
        ("event_date", TEXT),
        ("event_time", DAY),
        ("n", TEXT),
        ("count(*)", LONG),
        ("NULL", TEXT),
        ("partition", LONG),
        ("actor.id", LONG),
    ],
)
def test_result_that_is_cast_alike_is_let_through(expression: str, kind: ScalarType) -> None:
    """A result that every engine casts alike to the declared type has no faults."""
    assert value(expression, kind) == []


@pytest.mark.parametrize(
    "expression",
    [
        "CASE WHEN kind = 'count' THEN cast(payload AS BIGINT) END",
        "CASE WHEN kind = 'count' AND amount > 1 THEN try_cast(payload AS BIGINT) END",
        "IF('count' = kind, cast(payload AS BIGINT), 0)",
        "CASE WHEN kind IN ('count') THEN cast(payload AS BIGINT) END",
    ],
)
def test_rule_of_the_schema_makes_a_cast_safe(expression: str) -> None:
    """Text whose pattern a rule of the schema demands, in the branch for the rule's events, may be cast."""
    assert silver(f"SELECT {expression} AS v FROM events", v=LONG) == []


@pytest.mark.parametrize(
    "expression",
    [
        "CASE WHEN kind = 'other' THEN cast(payload AS BIGINT) END",
        "CASE WHEN kind = 'count' OR amount > 1 THEN cast(payload AS BIGINT) END",
        "CASE WHEN kind = 'count' THEN 1 ELSE cast(payload AS BIGINT) END",
        "CASE WHEN kind IN ('count', 'other') THEN cast(payload AS BIGINT) END",
        "CASE WHEN kind = 'count' THEN cast(id AS BIGINT) END",
    ],
)
def test_rule_does_not_reach_other_events(expression: str) -> None:
    """Outside of the branch for the rule's events, a cast of the same text is refused."""
    assert len(silver(f"SELECT {expression} AS v FROM events", v=LONG)) == 1


WINDOWED = "SELECT window_start, window_end, {} AS v FROM silver GROUP BY window_start, window_end"


@pytest.mark.parametrize(
    "sql",
    [
        WINDOWED.format("count(*)"),
        "SELECT window_start, window_end, count(*) AS v FROM silver GROUP BY ALL",
        "SELECT window_start, window_end, count(*) AS v FROM silver GROUP BY 1, 2",
        "SELECT window_start, window_end, rank() OVER (PARTITION BY window_start ORDER BY n) AS v FROM silver",
        (
            "WITH m AS (SELECT window_start AS w, window_end AS e, date_trunc('MINUTE', event_time) AS m, count(*) AS c"
            " FROM silver GROUP BY ALL) SELECT w AS window_start, e AS window_end, max(c) AS v FROM m GROUP BY w, e"
        ),
        "SELECT window_start, a.window_end, a.n AS v FROM silver a JOIN silver b USING (window_start)",
        (
            "SELECT a.window_start, a.window_end, b.n AS v FROM silver a"
            " LEFT JOIN silver b ON a.window_start = b.window_start AND a.n = b.n"
        ),
        "SELECT DISTINCT window_start, window_end, n AS v FROM silver",
        (
            "SELECT window_start, window_end, sum(v) AS v FROM (SELECT window_start, window_end, n AS v FROM silver"
            " UNION ALL SELECT window_start, window_end, 1 AS v FROM silver) GROUP BY window_start, window_end"
        ),
        (
            "SELECT window_start, window_end, rank() OVER w AS v FROM silver"
            " WINDOW w AS (PARTITION BY window_start, kind ORDER BY n)"
        ),
    ],
)
def test_query_within_its_windows_is_let_through(sql: str) -> None:
    """Queries whose rows depend on their own window only have no faults."""
    assert gold(sql, WINDOW | {"v": LONG}, window="1 hour") == []


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        (
            "SELECT max(window_start) AS window_start, max(window_end) AS window_end, count(*) AS v FROM silver",
            "without GROUP BY",
        ),
        (
            (
                "SELECT max(window_start) AS window_start, max(window_end) AS window_end, count(*) AS v"
                " FROM silver GROUP BY kind"
            ),
            "GROUP BY silver.kind",
        ),
        ("SELECT window_start, window_end, rank() OVER (ORDER BY n) AS v FROM silver", "PARTITION BY window_start"),
        (
            "SELECT window_start, window_end, rank() OVER w AS v FROM silver WINDOW w AS (ORDER BY n)",
            "PARTITION BY window_start",
        ),
        (
            "SELECT a.window_start, a.window_end, b.n AS v FROM silver a JOIN silver b ON a.n = b.n",
            "USING (window_start",
        ),
        ("SELECT a.window_start, a.window_end, b.n AS v FROM silver a CROSS JOIN silver b", "USING (window_start"),
        (
            (
                "SELECT a.window_start, a.window_end, b.n AS v FROM silver a JOIN silver b"
                " ON a.window_start = b.window_start OR a.n = b.n"
            ),
            "USING (window_start",
        ),
        (
            (
                "SELECT window_start, window_end, n AS v FROM silver"
                " WHERE n IN (SELECT max(n) FROM silver GROUP BY window_start)"
            ),
            "looks at every row",
        ),
        (
            "SELECT window_start + INTERVAL 1 HOUR AS window_start, window_end, n AS v FROM silver",
            "unchanged",
        ),
        ("SELECT window_start, window_start AS window_end, n AS v FROM silver", "unchanged"),
        (
            (
                "SELECT window_start, window_end, sum(v) AS v FROM (SELECT DISTINCT n AS v, kind FROM silver) x"
                " JOIN silver USING (kind) GROUP BY window_start, window_end"
            ),
            "SELECT DISTINCT",
        ),
        (
            "SELECT window_start, window_end, count(*) AS v FROM silver GROUP BY ROLLUP (window_start, window_end)",
            "ROLLUP",
        ),
    ],
)
def test_query_that_reaches_beyond_its_window_is_refused(sql: str, found: str) -> None:
    """A row that depends on other windows would be wrong after an incremental run, so the query is refused."""
    faults = gold(sql, WINDOW | {"v": LONG}, window="1 hour")

    assert any(found in fault for fault in faults), faults


def test_keyed_query_stays_within_its_key() -> None:
    """In a keyed table, grouping and window functions go by the key."""
    declared = {"user_id": TEXT, "v": LONG}

    assert gold("SELECT user_id, count(*) AS v FROM silver GROUP BY user_id", declared, per="user_id") == []
    (fault,) = gold("SELECT max(user_id) AS user_id, count(*) AS v FROM silver GROUP BY kind", declared, per="user_id")[
        :1
    ]
    assert "user_id among the columns of GROUP BY" in fault


def test_whole_table_may_look_at_every_row() -> None:
    """A table that is computed as a whole has no such bounds."""
    assert gold("SELECT n AS v FROM silver WHERE n > (SELECT avg(n) FROM silver)", {"v": LONG}) == []


def test_window_columns_exist_in_windowed_tables_only() -> None:
    """Without a window, `silver` has no window columns."""
    faults = gold("SELECT window_start AS v FROM silver", {"v": TIME})

    assert any("unknown column 'window_start'" in fault for fault in faults)


@pytest.mark.parametrize(
    ("sql", "missing"),
    [
        ("SELECT row_number() OVER (ORDER BY n DESC) AS v FROM silver", "event_id, event_time"),
        ("SELECT row_number() OVER (ORDER BY event_id) AS v FROM silver", "event_time"),
        ("SELECT lag(n) OVER (PARTITION BY kind ORDER BY event_time) AS v FROM silver", "event_id"),
        (
            "SELECT row_number() OVER (ORDER BY c DESC) AS v FROM (SELECT kind, count(*) c FROM silver GROUP BY ALL)",
            "kind",
        ),
        ("SELECT row_number() OVER (ORDER BY count(*) DESC) AS v FROM silver GROUP BY kind", "kind"),
        (
            "SELECT sum(n) OVER (ORDER BY event_time ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS v FROM silver",
            "event_id",
        ),
        ("SELECT row_number() OVER w AS v FROM silver WINDOW w AS (ORDER BY n, offset)", "partition"),
    ],
)
def test_order_with_ties_is_refused(sql: str, missing: str) -> None:
    """Where tied rows could be numbered in any way, the fault names the column that settles it."""
    (fault,) = gold(sql, {"v": LONG})

    assert f"{missing} at the end of ORDER BY" in fault


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT row_number() OVER (ORDER BY n DESC, event_time, event_id) AS v FROM silver",
        "SELECT row_number() OVER (ORDER BY partition, offset) AS v FROM silver",
        "SELECT unix_micros(lag(event_time) OVER (PARTITION BY user_id ORDER BY event_time)) AS v FROM silver",
        "SELECT rank() OVER (ORDER BY n) AS v FROM silver",
        "SELECT sum(n) OVER (PARTITION BY kind ORDER BY event_time) AS v FROM silver",
        (
            "SELECT row_number() OVER (ORDER BY c DESC, kind) AS v"
            " FROM (SELECT kind, count(*) AS c FROM silver GROUP BY kind)"
        ),
        "SELECT row_number() OVER (ORDER BY n, id, at) AS v FROM (SELECT event_id id, event_time at, n FROM silver)",
        "SELECT row_number() OVER (ORDER BY n, kind) AS v FROM (SELECT DISTINCT kind, n FROM silver)",
    ],
)
def test_order_without_ties_is_let_through(sql: str) -> None:
    """Orders that tell every two rows apart, and functions that don't care, have no faults."""
    assert gold(sql, {"v": LONG}) == []


PORTABLE_EXAMPLES: dict[str, tuple[str, Any]] = {
    "abs": ("abs(-3)", 3),
    "array": ("array(1, 2)", [1, 2]),
    "array_agg": ("sort_array(array_agg(n))", [-7]),
    "array_contains": ("array_contains(arr, 3)", True),
    "array_join": ("array_join(array('a', 'b'), ',')", "a,b"),
    "array_max": ("array_max(arr)", 3),
    "array_min": ("array_min(arr)", 1),
    "array_size": ("array_size(arr)", 3),
    "array_sort": ("array_sort(arr)", [1, 2, 3]),
    "ascii": ("ascii('A')", 65),
    "avg": ("avg(n)", -7.0),
    "bit_count": ("bit_count(7)", 3),
    "bit_length": ("bit_length('ab')", 16),
    "bit_xor": ("bit_xor(n)", -7),
    "bool_and": ("bool_and(n < 0)", True),
    "bool_or": ("bool_or(n > 0)", False),
    "cast": ("cast('12' AS BIGINT)", 12),
    "ceil": ("ceil(2.1)", 3),
    "char_length": ("char_length('Äé')", 2),
    "chr": ("chr(65)", "A"),
    "coalesce": ("coalesce(NULL, 'x')", "x"),
    "collect_list": ("sort_array(collect_list(n))", [-7]),
    "collect_set": ("sort_array(collect_set(n))", [-7]),
    "concat": ("concat('a', NULL)", None),
    "concat_ws": ("concat_ws('-', 'a', NULL, 'b')", "a-b"),
    "contains": ("contains('abc', 'b')", True),
    "count": ("count(DISTINCT n, s)", 1),
    "count_if": ("count_if(n < 0)", 1),
    "cume_dist": ("cume_dist() OVER (ORDER BY n)", 1.0),
    "date": ("date(ts)", date(2024, 3, 3)),
    "date_format": ("date_format(ts, 'yyyy-MM-dd HH:mm:ss.SSSSSS E')", "2024-03-03 23:59:59.123456 Sun"),
    "date_trunc": ("date_trunc('week', ts)", datetime(2024, 2, 26, tzinfo=UTC)),
    "datediff": ("datediff(ts, date_trunc('week', ts)) + 1", 7),
    "day": ("day(ts)", 3),
    "dayofmonth": ("dayofmonth(ts)", 3),
    "dayofyear": ("dayofyear(ts)", 63),
    "dense_rank": ("dense_rank() OVER (ORDER BY n)", 1),
    "endswith": ("endswith('abc', 'bc')", True),
    "equal_null": ("equal_null(NULL, NULL)", True),
    "exp": ("exp(0)", 1.0),
    "explode": ("explode(array('a'))", "a"),
    "extract": ("extract(DOY FROM ts)", 63),
    "filter": ("filter(arr, x -> x > 1)", [3, 2]),
    "first_value": ("first_value(s) OVER (ORDER BY n)", "ab/cd"),
    "floor": ("floor(-2.1)", -3),
    "greatest": ("greatest(1, NULL, 2)", 2),
    "hex": ("hex('a')", "61"),
    "hour": ("hour(ts)", 23),
    "if": ("if(n < 0, 'a', 'b')", "a"),
    "ifnull": ("ifnull(NULL, 'x')", "x"),
    "instr": ("instr('abc', 'c')", 3),
    "lag": ("lag(n) OVER (ORDER BY n)", None),
    "last_day": ("last_day(ts)", date(2024, 3, 31)),
    "last_value": ("last_value(n) OVER (ORDER BY n)", -7),
    "lead": ("lead(n, 1, 0) OVER (ORDER BY n)", 0),
    "least": ("least(1, NULL, 2)", 1),
    "left": ("left('abc', 2)", "ab"),
    "length": ("length('a😀')", 2),
    "ln": ("ln(1)", 0.0),
    "locate": ("locate('c', 'abcabc', 4)", 6),
    "log10": ("log10(100)", 2.0),
    "log2": ("log2(8)", 3.0),
    "lpad": ("lpad('a', 3, '0')", "00a"),
    "ltrim": ("ltrim('  a ')", "a "),
    "max": ("max(n)", -7),
    "md5": ("md5('')", "d41d8cd98f00b204e9800998ecf8427e"),
    "median": ("median(n)", -7.0),
    "min": ("min(n)", -7),
    "minute": ("minute(ts)", 59),
    "mod": ("mod(n, 3)", -1),
    "month": ("month(ts)", 3),
    "named_struct": ("named_struct('a', 1).a", 1),
    "nth_value": ("nth_value(n, 1) OVER (ORDER BY n)", -7),
    "ntile": ("ntile(2) OVER (ORDER BY n)", 1),
    "nullif": ("nullif('', '')", None),
    "nvl": ("nvl(NULL, 'x')", "x"),
    "nvl2": ("nvl2(NULL, 'x', 'y')", "y"),
    "percent_rank": ("percent_rank() OVER (ORDER BY n)", 0.0),
    "position": ("position('c' IN 'abc')", 3),
    "power": ("power(2, 3)", 8.0),
    "quarter": ("quarter(ts)", 1),
    "rank": ("rank() OVER (ORDER BY n)", 1),
    "regexp_count": ("regexp_count('aaa', 'a')", 3),
    "regexp_extract": ("try_cast(regexp_extract('12x', '^[0-9]+$', 0) AS BIGINT)", None),
    "regexp_like": ("regexp_like('abc', 'b')", True),
    "regexp_replace": ("regexp_replace('aaa', 'a', 'b')", "bbb"),
    "repeat": ("repeat('ab', 2)", "abab"),
    "replace": ("replace('abc', 'b', 'x')", "axc"),
    "right": ("right('abc', 2)", "bc"),
    "round": ("round(-2.5D)", -3.0),
    "row_number": ("row_number() OVER (ORDER BY n)", 1),
    "rpad": ("rpad('a', 3, '0')", "a00"),
    "rtrim": ("rtrim(' a  ')", " a"),
    "second": ("second(ts)", 59),
    "sha1": ("sha1('')", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    "sha2": ("sha2('', 256)", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    "size": ("size(arr)", 3),
    "slice": ("slice(arr, 2, 2)", [1, 2]),
    "sort_array": ("sort_array(arr)", [1, 2, 3]),
    "split": ("split('a/b', '/')[0]", "a"),
    "split_part": ("split_part('a/b', '/', -1)", "b"),
    "sqrt": ("sqrt(9)", 3.0),
    "startswith": ("startswith('abc', 'ab')", True),
    "stddev": ("stddev(n)", None),
    "stddev_pop": ("stddev_pop(n)", 0.0),
    "stddev_samp": ("stddev_samp(n)", None),
    "string": ("string(n)", "-7"),
    "struct": ("struct(n, s).s", "ab/cd"),
    "substr": ("substr('abc', 2)", "bc"),
    "substring": ("substring('abc', -2, 1)", "b"),
    "sum": ("sum(n)", -7),
    "transform": ("transform(arr, x -> x + 1)", [4, 2, 3]),
    "translate": ("translate('abc', 'ab', 'xy')", "xyc"),
    "trim": ("trim('  a ')", "a"),
    "try_cast": ("try_cast('99999999999999999999' AS BIGINT)", None),
    "try_divide": ("try_divide(1, 0)", None),
    "try_element_at": ("try_element_at(arr, 9)", None),
    "unix_date": ("unix_date(date'1970-01-02')", 1),
    "unix_micros": ("(unix_micros(ts) - unix_micros(ts - INTERVAL 90 SECONDS)) DIV 1000000", 90),
    "var_pop": ("var_pop(n)", 0.0),
    "var_samp": ("var_samp(n)", None),
    "variance": ("variance(n)", None),
    "weekofyear": ("weekofyear(ts)", 9),
    "year": ("year(ts)", 2024),
}
"""An expression over the row below for every portable function, and its value by Spark's documentation."""

ROW = (
    "CREATE TABLE silver AS SELECT 'ab/cd' AS s, -7::BIGINT AS n,"
    " TIMESTAMPTZ '2024-03-03 23:59:59.123456+00' AS ts, [3, 1, 2]::INTEGER[] AS arr"
)


def test_every_portable_function_has_an_example() -> None:
    """No function is let through without an example that runs."""
    assert set(PORTABLE_EXAMPLES) == PORTABLE


@pytest.mark.parametrize("name", sorted(PORTABLE_EXAMPLES))
def test_portable_function_gives_what_spark_gives(name: str) -> None:
    """A portable function, transpiled, gives on DuckDB the value that Spark's documentation promises."""
    expression, expected = PORTABLE_EXAMPLES[name]
    sql = sqlglot.parse_one(f"SELECT {expression} AS v FROM silver", read="spark").sql(dialect="duckdb")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(ROW)
        (result,) = connection.execute(sql).fetchall()

    actual = int(result[0]) if isinstance(result[0], Decimal) else result[0]
    assert actual == expected


def test_portable_examples_have_no_faults() -> None:
    """The examples themselves pass the checks, so remedies do not contradict each other."""
    kinds = {str: TEXT, bool: BOOLEAN, datetime: TIME, date: DAY, timedelta: None, list: Array(items=LONG)}
    read = SilverTable(columns=columns(s=TEXT, n=LONG, ts=TIME, arr=Array(items=LONG)), sql="")
    with_ties = {"explode", "first_value", "lag", "last_value", "lead", "nth_value", "ntile", "row_number"}
    faults = {
        name: [fault.found for fault in gold_faults(table(f"SELECT {text} AS v FROM silver", {"v": kind}), read, "sql")]
        for name, (text, result) in PORTABLE_EXAMPLES.items()
        if name not in with_ties
        for kind in [kinds.get(type(result), DOUBLE)]
        if result is not None
    }

    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)",
        "(?!a)",
        "(?<=a)",
        "(?<!a)",
        "(a)\\1",
        "(?P<x>a)",
        "(?P<x>a)(?P=x)",
        "a*+",
        "a++",
        "(?>a)",
        "a{1001}",
        "(",
        "\\Aa",
        "\\bx",
        "a{2}+",
        "(?#x)a",
        "[a-z&&[b]]",
    ],
)
def test_pattern_outside_the_common_part_is_refused(pattern: str) -> None:
    """Look-around, backreferences and the like are refused in fields' patterns and in SQL."""
    assert field_pattern_problem(pattern) is not None
    assert sql_pattern_problem(pattern) is not None


@pytest.mark.parametrize("pattern", ["[0-9]{1,18}", "(?:a|b)+?", "^[^/]+/[(?=)]$", "a\\.b", "(?i)abc"])
def test_pattern_of_the_common_part_is_let_through(pattern: str) -> None:
    """Classes, groups and repetitions are let through, also where a class holds signs of other forms."""
    assert (field_pattern_problem(pattern), sql_pattern_problem(pattern)) == (None, None)


@pytest.mark.parametrize("pattern", ["\\d+", "\\w", "\\s"])
def test_class_that_is_unicode_to_python_is_refused_for_fields(pattern: str) -> None:
    """Classes that mean more characters to Python than to RE2 are refused for fields, and stay legal in SQL."""
    assert field_pattern_problem(pattern) is not None
    assert sql_pattern_problem(pattern) is None


def source(one: GoldTable) -> EventSource:
    """Make a source around a Gold table."""
    return EventSource(
        name="s",
        title="S",
        description="S.",
        topic=Topic(name="s"),
        schema=SCHEMA,
        producer=lambda _: None,  # type: ignore[arg-type, return-value]
        silver=SILVER,
        gold=(one,),
    )


def test_lineage_goes_through_inner_queries() -> None:
    """Every Gold column is traced to the Silver columns that its values are made of."""
    sql = """
        WITH a AS (SELECT window_start, window_end, kind, amount * n AS total FROM silver),
             b AS (SELECT window_start, window_end, kind AS k, sum(total) AS t, count(*) AS c FROM a GROUP BY ALL)
        SELECT window_start, window_end, k AS v, t, c FROM b
    """
    declared = {"v": TEXT, "t": DOUBLE, "c": LONG} | WINDOW
    one = table(sql, declared, window="1 hour")

    assert column_lineage(source(one), one) == {
        "v": ["kind"],
        "t": ["amount", "n"],
        "c": [],
        "window_start": ["event_time"],
        "window_end": ["event_time"],
    }


def test_lineage_of_a_union_has_all_branches() -> None:
    """A column that comes from several branches is made of the columns of all of them."""
    one = table(
        "SELECT v FROM (SELECT kind AS v FROM silver UNION ALL SELECT payload FROM silver UNION ALL"
        " SELECT actor.login FROM silver)",
        {"v": TEXT},
    )

    assert column_lineage(source(one), one) == {"v": ["kind", "payload", "actor"]}
