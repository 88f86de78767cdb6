"""The columns that a query gives, and those that are declared."""

from __future__ import annotations

import pytest

from streaming_assets.contract import ScalarType
from tests.support.queries import DAY, DOUBLE, LONG, TEXT, TIME, gold, value


def test_result_columns_are_the_declared_ones() -> None:
    """Missing, further and repeated result columns are named; their order is free."""
    faults = gold("SELECT n AS a, kind, kind AS kind FROM silver", {"b": TEXT, "kind": TEXT})

    assert any("'a', which is not declared" in fault for fault in faults)
    assert any("no result column 'b'" in fault for fault in faults)
    assert any("'kind' 2 times" in fault for fault in faults)
    (further,) = gold("SELECT n, kind FROM silver", {"kind": TEXT})
    assert "a Field of that name among the columns" in further
    assert gold("SELECT n, kind FROM silver", {"kind": TEXT, "n": LONG}) == []


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
