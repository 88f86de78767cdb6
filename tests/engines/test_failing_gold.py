"""Gold queries that fail on a row: every engine refuses them as the plugin's fault, and the table stays as it was."""

from __future__ import annotations

import pytest

from streaming_assets.contract import Field, GoldTable, ScalarType
from streaming_assets.errors import PluginError

WHAT = {
    "a division by zero": "10 DIV min(amount)",
    "a number out of range": "max(CASE WHEN amount = 0 THEN 9223372036854775807 ELSE 0 END) * 2",
    "a missing value": "nullif(min(amount), 0)",
}
HOW = {"whole": {}, "windowed": {"window": "1 hour"}, "keyed": {"per": "kind"}}


def gold(expression: str, how: str) -> GoldTable:
    key = "window_start" if how == "windowed" else "kind"
    kind = ScalarType.TIMESTAMP if how == "windowed" else ScalarType.STRING
    return GoldTable(
        name="numbers",
        description="Made up.",
        sql=f"SELECT {key}, {expression} AS n FROM silver GROUP BY {key}",
        columns=(Field(name=key, type=kind), Field(name="n", type=ScalarType.LONG)),
        keys=(key,),
        **HOW[how],
    )


@pytest.fixture(params=["embedded", pytest.param("spark", marks=pytest.mark.spark)])
def settings(request):
    """The settings of an engine."""
    more = request.getfixturevalue("spark_settings") if request.param == "spark" else {}
    return {"engine": request.param, **more}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("what", WHAT)
def test_a_query_that_fails_on_a_row_is_refused(make_lab, make_source, settings, what, how):
    """The error names the table and not the rows' storage or Spark, and what was computed before is still there."""
    lab = make_lab(make_source(gold=(gold(WHAT[what], how),)), **settings)
    lab.bronze({"at": "2026-03-01T10:00:00Z", "kind": "view", "amount": 5})
    lab.refine()
    lab.aggregate()
    before = lab.rows("gold", "numbers")
    lab.bronze({"at": "2026-03-01T11:00:00Z", "kind": "other", "amount": 0})
    lab.refine()
    with pytest.raises(PluginError) as raised:
        lab.aggregate()
    assert raised.value.summary == "The SQL of Gold table shop.numbers can't run."
    assert lab.rows("gold", "numbers") == before != []
