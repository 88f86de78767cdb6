"""Rules of the schema that make a cast safe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streaming_assets.contract import Rule
from streaming_assets.sqlcheck import silver_faults
from tests.support.queries import LONG, SCHEMA, columns, silver


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


def test_rule_for_all_events_needs_no_branch() -> None:
    """Text of a field whose pattern a rule demands of every event may be cast anywhere, and of no other field."""
    schema = replace(SCHEMA, rules=(Rule(field="payload", pattern="[0-9]{1,18}"),))
    field, other = (
        "SELECT try_cast(payload AS BIGINT) AS v FROM events",
        "SELECT try_cast(id AS BIGINT) AS v FROM events",
    )

    assert silver_faults(field, schema, columns(v=LONG), "sql") == []
    assert len(silver_faults(other, schema, columns(v=LONG), "sql")) == 1
