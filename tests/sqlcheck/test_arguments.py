"""Expressions whose value depends on what they are given."""

from __future__ import annotations

import pytest

from streaming_assets.contract import Array
from tests.support.queries import TEXT, gold, value

REFUSED = {
    "try_cast(payload AS BIGINT)": "'^-?[0-9]{1,18}$', 0) AS BIGINT)",
    "try_cast(payload AS DOUBLE)": "([.][0-9]{1,9})?$', 0) AS DOUBLE)",
    "try_cast(payload AS TIMESTAMP)": "declared as ScalarType.TIMESTAMP",
    "try_cast(payload AS DATE)": "declared as ScalarType.DATE",
    "CASE WHEN kind RLIKE '^[0-9]+$' THEN try_cast(payload AS BIGINT) END": "that a pattern has passed",
    "cast(regexp_extract(payload, '^[0-9]+$', 0) AS BIGINT)": "try_cast",
    "cast(amount AS BIGINT)": "floor, ceil or round",
    "cast(amount AS STRING)": "fractional number",
    "cast(event_time AS STRING)": "date_format",
    "cast(event_time AS BIGINT)": "unix_micros",
    "n / amount": "nullif",
    "n % 0": "nullif",
    "n DIV n": "nullif",
    "payload > 3": "0) AS BIGINT)",
    "1.5 < payload": "0) AS DOUBLE)",
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
