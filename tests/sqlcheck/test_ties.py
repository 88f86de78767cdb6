"""Orders that tell every two rows apart."""

from __future__ import annotations

import pytest

from tests.support.queries import LONG, gold


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
