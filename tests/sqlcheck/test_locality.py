"""Rows of Gold that depend on their own window or key alone."""

from __future__ import annotations

import pytest

from tests.support.queries import LONG, TEXT, TIME, WINDOW, gold

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
