"""Records and plugins that the Silver transform fails on: every engine quarantines and refuses the same ones."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from streaming_assets.contract import Field, ScalarType, SilverTable
from streaming_assets.errors import PluginError

pytestmark = pytest.mark.spark

ENGINES = ("embedded", "spark")
AT = "2026-03-01T11:00:00Z"
KIND = Field(name="kind", type=ScalarType.STRING)
AMOUNT = Field(name="amount", type=ScalarType.LONG, required=False)
NUMBER = Field(name="number", type=ScalarType.LONG, required=False)
SHARE = Field(name="share", type=ScalarType.LONG, required=False)


def event(**fields):
    return {"at": AT, "kind": "view", "amount": 1, "user": "1", **fields}


def events(bad):
    """Return 120 events, some of which are bad, one of the others again, and two records that fit no schema."""
    made = [event(**{"amount": number, "user": str(number), **bad.get(number, {})}) for number in range(120)]
    return [*made, b"rubbish", None, made[7]]


@pytest.fixture
def refined(make_lab, make_source, spark_settings, tmp_path):
    """Refines two batches of Bronze by an engine and a Silver table; gives the rows of Silver and quarantine."""

    def refine(engine, records, **silver):
        source = make_source(silver=SilverTable(**{"columns": (KIND, AMOUNT), **silver}))
        lab = make_lab(source, home=tmp_path / engine, engine=engine, **(spark_settings if engine == "spark" else {}))
        lab.bronze(*records[:50])
        lab.bronze(*records[50:])
        try:
            lab.refine()
        except PluginError:
            assert [lab.open(layer).batch for layer in ("bronze", "silver", "quarantine")] == [2, 0, 0]
            raise
        audit = lab.engine.audit_counts(lab.source)
        assert (audit.lost, audit.bronze) == (0, audit.silver + audit.quarantine + audit.duplicates)
        return lab.rows("silver"), lab.rows("quarantine")

    return refine


def failed(quarantine):
    return {row["offset"]: row["detail"] for row in quarantine if row["reason"] == "silver_failed"}


SQL = """
    SELECT nullif(kind, 'none') AS kind, amount * 70000000000000000 AS amount, user AS number,
           100 DIV (amount - 500) AS share
    FROM events
"""
FAILS_IN_SQL = {3: {"user": "two"}, 4: {"kind": "none"}, 50: {"amount": 500}, 90: {"amount": 200}, 119: {"user": ""}}
FAILS_IN_A_FUNCTION = {
    3: {"kind": "bad"},
    4: {"kind": "worse"},
    50: {"user": None},
    90: {"user": "x"},
    119: {"user": ""},
}


def function_of(check=lambda _: None, kind="kind"):
    """Make a Silver function; one inside another goes to Spark's workers by its code, and no module is looked for."""

    def function(table):
        check(table)
        return pa.table({"kind": table[kind], "amount": table["user"]})

    return function


def picky():
    def check(table):
        if "bad" in table["kind"].to_pylist():
            raise ValueError("a bad kind")
        if "worse" in table["kind"].to_pylist():
            raise SystemExit(3)

    return check


@pytest.mark.parametrize(
    ("silver", "bad"),
    [
        ({"sql": SQL, "columns": (KIND, AMOUNT, NUMBER, SHARE)}, FAILS_IN_SQL),
        ({"function": function_of(picky()), "columns": (KIND, replace(AMOUNT, required=True))}, FAILS_IN_A_FUNCTION),
    ],
    ids=["sql", "function"],
)
def test_a_record_that_the_transform_fails_on_costs_itself_only(refined, silver, bad):
    """Each engine quarantines those records for the same reason in the same words, and brings all others to Silver."""
    expected = refined("embedded", events(bad), **silver)
    assert (sorted(failed(expected[1])), [len(rows) for rows in expected]) == (sorted(bad), [116, 7])
    assert refined("spark", events(bad), **silver) == expected


def test_what_stops_spark_alone_costs_the_record(refined, capfd):
    """A missing item, for which SQL is refused when a plugin is loaded, stops no batch, and prints no stack trace."""
    sql = "SELECT kind, length(split(kind, 'i')[1]) AS amount FROM events"
    silver, quarantine = refined("spark", events({77: {"kind": "x"}}), sql=sql)
    assert (len(silver), len(quarantine)) == (120, 3)
    assert "INVALID_ARRAY_INDEX" in failed(quarantine)[77]
    assert capfd.readouterr().err == ""


TEXT = {"sql": "SELECT kind, user AS amount FROM events"}
MANY = [event(user=f"x{number}") for number in range(1_100)]
BROKEN = {
    "each record fails": (TEXT, [event(user="x")] * 12),
    "each value is null": ({"sql": "SELECT user AS kind, amount FROM events"}, [event(user=None)] * 12),
    "no such column": ({"sql": "SELECT nothing AS kind, amount FROM events"}, [event()]),
    "each record makes it raise": ({"function": function_of(picky())}, [event(kind="bad")] * 12),
    "each value of a function is null": ({"function": function_of(kind="user")}, [event(user=None)] * 12),
    "a row is missing": ({"function": lambda table: table.slice(1)}, [event(), event()]),
    "a column is missing": ({"function": lambda table: table.select(["kind"])}, [event(), event()]),
    "no table": ({"function": lambda _: None}, [event(), event()]),
}
TOO_MANY = {"sql": (TEXT, MANY), "function": ({"function": function_of()}, MANY)}


def errors_of(refined, silver, records):
    """Return the parts of each engine's error; where Spark's own parser found the fault, what it found is its own."""
    errors = {}
    for engine in ENGINES:
        with pytest.raises(PluginError) as raised:
            refined(engine, records, **silver)
        errors[engine] = {"summary": raised.value.summary, **dict(raised.value.parts())}
    return errors["embedded"], errors["spark"]


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_plugin_is_told(refined, what):
    """Where the transform is broken and not the records, each engine says so in the same words and writes nothing."""
    embedded, spark = errors_of(refined, *BROKEN[what])
    if what == "no such column":
        assert ["nothing" in error.pop("Found") for error in (embedded, spark)] == [True, True]
    assert embedded == spark


@pytest.mark.parametrize("what", TOO_MANY)
def test_too_many_failures_are_a_broken_plugin(refined, what):
    """Where a thousand records of a slice fail, each engine gives up looking for more, and says it is the plugin."""
    embedded, spark = errors_of(refined, *TOO_MANY[what])
    assert all(error.pop("Found").startswith("1,000 records failed, the last with: ") for error in (embedded, spark))
    assert embedded == spark
