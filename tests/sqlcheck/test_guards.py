"""Rules of the schema that make a cast safe."""

from __future__ import annotations

import pytest

from tests.support.queries import LONG, silver


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
