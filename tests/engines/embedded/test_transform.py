"""The plugin's Silver transform, by SQL and by a function from Arrow to Arrow."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from streaming_assets.contract import Field, ScalarType, SilverTable
from streaming_assets.engines.embedded import transform
from streaming_assets.errors import EngineError, PluginError, TableError

AT = "2026-03-01T11:00:00Z"
COLUMNS = (
    Field(name="kind", type=ScalarType.STRING),
    Field(name="amount", type=ScalarType.LONG, required=False),
)


def event(**fields):
    return {"at": AT, "kind": "view", **fields}


@pytest.fixture
def refined(make_lab, make_source):
    """Refines events, of which the third can't be decided natively, by a Silver table; returns the lab."""

    def refine(events, **silver):
        lab = make_lab(make_source(silver=SilverTable(**{"columns": COLUMNS, **silver})))
        lab.bronze(*events)
        lab.refine()
        audit = lab.engine.audit_counts(lab.source)
        assert (audit.lost, audit.bronze) == (0, audit.silver + audit.quarantine + audit.duplicates)
        return lab

    return refine


def silver(lab):
    return [(row["offset"], row["kind"], row["amount"]) for row in lab.rows("silver")]


def quarantine(lab):
    return [(row["offset"], row["reason"], row["field"]) for row in lab.rows("quarantine")]


EVENTS = [event(user="1"), event(user="two"), event(user="3", x="\ud800"), b"x", event(user="4"), event(user="five")]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT kind, user AS amount FROM events",
        "SELECT CASE WHEN user RLIKE '^[0-9]$' THEN kind END AS kind, try_cast(user AS BIGINT) AS amount FROM events",
    ],
)
def test_a_record_that_sql_fails_on_costs_itself_only(refined, sql):
    """Where SQL raises on a value, can't cast it, or gives null for a required column, that record is quarantined."""
    lab = refined(EVENTS, sql=sql)
    assert silver(lab) == [(0, "view", 1), (2, "view", 3), (4, "view", 4)]
    assert quarantine(lab) == [(1, "silver_failed", None), (3, "not_json", None), (5, "silver_failed", None)]


def test_the_detail_says_why_the_transform_failed(refined):
    """A quarantined record names the error, or the required columns one of which is null."""
    lab = refined([event(user="two")], sql="SELECT kind, user AS amount FROM events")
    assert "two" in lab.rows("quarantine")[0]["detail"]


def test_a_null_in_a_required_column_is_named(refined):
    """The detail names the required columns."""
    lab = refined([event()], sql="SELECT user AS kind, amount FROM events")
    assert lab.rows("quarantine")[0]["detail"] == "the required column kind is null"


def test_a_transform_may_fail_on_every_record(refined):
    """Where all records fail, all are in quarantine, and Silver has the batch."""
    lab = refined([event(user="x")] * 5, sql="SELECT kind, user AS amount FROM events")
    assert (silver(lab), len(quarantine(lab)), lab.open("silver").batch) == ([], 5, 1)


def test_many_records_that_fail_alike_are_a_fault_of_the_plugin(refined, make_lab):
    """Where ten records or more all fail for one reason, nothing is quarantined and the plugin is told."""
    with pytest.raises(PluginError, match="Silver SQL of shop"):
        refined([event(user="x")] * 10, sql="SELECT kind, user AS amount FROM events")
    assert make_lab().versions() == [1, 0, 0]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT nothing AS kind, amount FROM events",
        "SELECT kind FROM events",
        "SELECT kind, f(amount) AS amount FROM events",
    ],
)
@pytest.mark.parametrize("events", [[event()], [b"x"]])
def test_sql_that_can_not_run_is_a_fault_of_the_plugin(refined, make_lab, sql, events):
    """SQL that no record can pass stops the refresh before anything is committed."""
    with pytest.raises(PluginError, match="Silver SQL of shop"):
        refined(events, sql=sql)
    assert make_lab().versions() == [1, 0, 0]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (duckdb.OutOfMemoryException, EngineError),
        (duckdb.IOException, TableError),
        (duckdb.InterruptException, KeyboardInterrupt),
    ],
)
def test_what_the_machine_lacks_is_no_fault_of_a_record(refined, make_lab, monkeypatch, error, told):
    """Memory that runs out, a full disk or an interrupt quarantines nothing, and is told as what it is."""

    def fail(*_):
        raise error("no more")

    monkeypatch.setattr(transform, "_store", fail)
    with pytest.raises(told):
        refined([event()], sql="SELECT kind, amount FROM events")
    assert make_lab().versions() == [1, 0, 0]


def doubled(events):
    amounts = pc.multiply(events["amount"], 2)
    return pa.table({"kind": pc.utf8_upper(events["kind"]), "amount": amounts})


def test_a_function_gives_silver_rows(refined):
    """A function sees the fields of the events that fit, natively or not, and its rows keep their coordinates."""
    lab = refined([event(amount=1), b"x", event(amount=3, x="\ud800"), event()], function=doubled)
    assert silver(lab) == [(0, "VIEW", 2), (2, "VIEW", 6), (3, "VIEW", None)]
    assert [row["event_id"] for row in lab.rows("silver")] == ["0-0", "0-2", "0-3"]


def test_a_function_sees_the_declared_fields_only(refined):
    """The events that a function gets have the schema's fields, in their order and with their types."""
    seen = []
    refined([event(amount=1, x=1)], function=lambda events: seen.append(events.schema) or doubled(events))
    assert [(field.name, field.type) for field in seen[0]] == [
        ("id", pa.string()),
        ("at", pa.timestamp("us", "UTC")),
        ("kind", pa.string()),
        ("user", pa.string()),
        ("amount", pa.int64()),
    ]


def test_a_function_may_pass_its_events_through(make_lab, make_source):
    """Columns that are not declared are left out, also where they are named like what the framework adds."""
    fields = (
        Field(name="at", type=ScalarType.TIMESTAMP),
        Field(name="topic", type=ScalarType.STRING),
        Field(name="offset", type=ScalarType.STRING),
        Field(name="event_id", type=ScalarType.STRING),
        Field(name="kind", type=ScalarType.STRING),
    )
    table = SilverTable(function=lambda events: events, columns=COLUMNS[:1])
    lab = make_lab(make_source(fields, silver=table, event_id=None))
    lab.bronze({"at": AT, "topic": "T", "offset": "O", "event_id": "E", "kind": "K"})
    lab.refine()
    (row,) = lab.rows("silver")
    assert (row["topic"], row["offset"], row["event_id"], row["kind"]) == ("shop-events", 0, "0-0", "K")


def choosy(events):
    if "bad" in events["kind"].to_pylist():
        raise ValueError("a bad kind")
    return doubled(events)


def test_a_record_that_a_function_raises_on_costs_itself_only(refined):
    """Where a function raises, the records it raises on are found and quarantined with its error."""
    kinds = ["a", "bad", "b", "c", "bad", "bad", "d"]
    lab = refined([event(kind=kind, amount=1) for kind in kinds], function=choosy)
    assert silver(lab) == [(0, "A", 2), (2, "B", 2), (3, "C", 2), (6, "D", 2)]
    assert quarantine(lab) == [(offset, "silver_failed", None) for offset in (1, 4, 5)]
    assert {row["detail"] for row in lab.rows("quarantine")} == {"ValueError: a bad kind"}


def test_a_function_may_leave_required_columns_null(refined):
    """A row without a required value is quarantined, as with SQL."""
    lab = refined([event(user="ada"), event()], function=lambda events: pa.table(
        {"kind": events["user"], "amount": events["amount"]}))  # fmt: skip
    assert (silver(lab), quarantine(lab)) == ([(0, "ada", None)], [(1, "silver_failed", None)])


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (lambda events: doubled(events).slice(1), "1 rows"),
        (lambda events: pa.concat_tables([doubled(events)] * 2), "4 rows"),
        (lambda events: doubled(events).to_pylist(), "list"),
        (lambda _: None, "NoneType"),
        (lambda events: doubled(events).select(["kind"]), "the columns kind"),
    ],
)
def test_a_function_gives_one_row_for_each_event(refined, make_lab, function, found):
    """Another number of rows, another type, or a missing column stops the refresh before anything is committed."""
    with pytest.raises(PluginError, match="Silver function of shop") as raised:
        refined([event(), event()], function=function)
    assert found == raised.value.found
    assert make_lab().versions() == [1, 0, 0]
