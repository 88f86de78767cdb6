"""Properties of the session that rows depend on."""

from __future__ import annotations

from datetime import datetime

import pytest

from streaming_assets.contract import Field, GoldTable, ScalarType, SilverTable

pytest.importorskip("pyspark", reason="engine `spark` is not installed: pyspark is missing")

pytestmark = pytest.mark.spark

KIND = Field(name="kind", type=ScalarType.STRING)
VARIABLES = "${env:HOME} ${spark.app.name}"
PER_MINUTE = GoldTable(
    name="per_minute",
    description="Events by minute.",
    sql="SELECT window_start, count(*) AS n FROM silver GROUP BY window_start",
    columns=(Field(name="window_start", type=ScalarType.TIMESTAMP), Field(name="n", type=ScalarType.LONG)),
    keys=("window_start",),
    window="1 minute",
)
PER_KIND = GoldTable(
    name="per_kind",
    description="Events by kind.",
    sql="SELECT kind, count(*) AS n FROM silver GROUP BY kind",
    columns=(KIND, Field(name="n", type=ScalarType.LONG)),
    keys=("kind",),
    per="kind",
)


def refresh(lab, *events):
    lab.bronze(*events)
    lab.refine()
    for table in lab.source.gold:
        lab.aggregate(table.name)


def test_what_looks_like_a_variable_is_text(make_lab, make_source, spark_settings):
    """Neither a plugin's SQL nor a key is filled in from the process's environment or Spark's properties."""
    silver = SilverTable(sql=f"SELECT concat(kind, '{VARIABLES}') AS kind FROM events", columns=(KIND,))
    lab = make_lab(make_source(silver=silver, gold=(PER_KIND,)), engine="spark", **spark_settings)
    for count in (1, 2):
        refresh(lab, *({"at": "2026-03-01T11:00:00Z", "kind": kind} for kind in ("", "a")))
        assert [(row["kind"], row["n"]) for row in lab.rows("gold", "per_kind")] == [
            (VARIABLES, count),
            (f"a{VARIABLES}", count),
        ]


def test_days_that_only_the_new_calendar_has_stay(make_lab, make_source, spark_settings):
    """Windows of days that were left out when the calendar changed count their events, the late ones, too."""
    lab = make_lab(make_source(gold=(PER_MINUTE,)), engine="spark", **spark_settings)
    days = [f"1582-10-{day:02}" for day in (4, 5, 10, 14, 15)]
    for count in (1, 2):
        refresh(lab, *({"at": f"{day}T12:00:00Z", "kind": "view"} for day in days))
        assert [(row["window_start"].replace(tzinfo=None), row["n"]) for row in lab.rows("gold", "per_minute")] == [
            (datetime.fromisoformat(f"{day} 12:00"), count) for day in days
        ]
