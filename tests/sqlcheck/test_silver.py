"""What Silver SQL may say of an event."""

from __future__ import annotations

import pytest

from streaming_assets.contract import EventSchema, Field
from streaming_assets.sqlcheck import silver_faults
from tests.support.queries import LONG, SCHEMA, TEXT, columns, silver


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
