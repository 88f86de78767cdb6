"""What each column of Gold is made of."""

from __future__ import annotations

from streaming_assets.contract import EventSource, GoldTable, Topic
from streaming_assets.sqlcheck import column_lineage
from tests.support.queries import DOUBLE, LONG, SCHEMA, SILVER, TEXT, WINDOW, table


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
