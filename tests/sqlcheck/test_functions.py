"""Functions: what differs is refused, and what is let through gives what Spark gives."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest
import sqlglot

from streaming_assets.contract import Array, SilverTable
from streaming_assets.sqlcheck import gold_faults
from streaming_assets.sqlcheck.functions import PORTABLE, REMEDIES
from tests.support.queries import BOOLEAN, DAY, DOUBLE, LONG, TEXT, TIME, columns, table, value

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
