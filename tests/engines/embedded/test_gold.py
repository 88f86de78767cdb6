"""Silver to Gold, incrementally and from scratch, on Bronze tables written by hand."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from functools import partial

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streaming_assets import faults
from streaming_assets.contract import Field, GoldTable, ScalarType, SilverTable
from streaming_assets.engines.audits import GoldAudit, Scope
from streaming_assets.engines.embedded import EmbeddedEngine, gold
from streaming_assets.engines.embedded.duck import memory_limit
from streaming_assets.engines.embedded.spans import spans
from streaming_assets.engines.protocol import Aggregated
from streaming_assets.errors import PluginError, StreamingAssetsError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TINY = timedelta(microseconds=1)

text = partial(Field, type=ScalarType.STRING)
number = partial(Field, type=ScalarType.LONG)
time = partial(Field, type=ScalarType.TIMESTAMP)


def windowed(window="5 minutes"):
    return GoldTable(
        name="per_kind",
        description="Events and amounts of each kind.",
        sql="""SELECT window_start, window_end, kind, count(*) AS events, sum(amount) AS amount,
                      count(DISTINCT user) AS users FROM silver GROUP BY window_start, window_end, kind""",
        columns=(
            time(name="window_start"), time(name="window_end"), text(name="kind"), number(name="events"),
            number(name="amount", required=False), number(name="users"),
        ),
        keys=("window_start", "kind"),
        window=window,
    )  # fmt: skip


SESSIONS = GoldTable(
    name="sessions",
    description="A pause of more than ten minutes starts a new session.",
    sql="""
      WITH marked AS (
        SELECT user, event_time, CASE WHEN event_time <= lag(event_time) OVER (PARTITION BY user ORDER BY event_time)
          + INTERVAL 10 MINUTES THEN 0 ELSE 1 END AS first FROM silver),
      numbered AS (
        SELECT user, event_time, sum(first) OVER (PARTITION BY user ORDER BY event_time
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS session FROM marked)
      SELECT user, min(event_time) AS began, max(event_time) AS ended, count(*) AS events
      FROM numbered GROUP BY user, session""",
    columns=(text(name="user"), time(name="began"), time(name="ended"), number(name="events")),
    keys=("user", "began"),
    per="user",
)
SIZES = GoldTable(
    name="sizes",
    description="Events of each amount.",
    sql="SELECT amount, count(*) AS events, max(user) AS last_user FROM silver GROUP BY amount",
    columns=(number(name="amount"), number(name="events"), text(name="last_user", required=False)),
    keys=("amount",),
    per="amount",
)
WHOLE = GoldTable(
    name="whole",
    description="Kinds by rank.",
    sql="SELECT kind, count(*) AS events, avg(amount) AS mean FROM silver GROUP BY kind",
    columns=(text(name="kind"), number(name="events"), Field(name="mean", type=ScalarType.DOUBLE, required=False)),
    keys=("kind",),
)


@pytest.fixture
def lab(make_lab, make_source):
    """A lab with a windowed, two keyed and a whole table."""
    return make_lab(make_source(gold=(windowed(), SESSIONS, SIZES, WHOLE)))


def event(at=NOON, **fields):
    return {"at": at.isoformat() if isinstance(at, datetime) else at, "kind": "view", **fields}


def bring(lab, *events):
    """Bring events to Silver in one batch."""
    lab.bronze(*events)
    lab.refine()


def right(lab, name=None):
    """Whether a Gold table equals its computation from scratch."""
    audit = lab.engine.audit_gold(lab.source, lab.table(name))
    return (audit.missing, audit.unexpected) == (0, 0)


def follow(lab, name=None):
    """Aggregate and compare with the computation from scratch."""
    aggregated = lab.aggregate(name)
    assert right(lab, name)
    return aggregated


def test_a_windowed_table_replaces_the_windows_that_are_touched(lab):
    """A late event changes the cells of its own window, and the rows of other windows stay as they were."""
    bring(lab, event(user="ada", amount=1), event(NOON + 5 * MINUTE, amount=2))
    lab.aggregate()
    bring(lab, event(NOON + 4 * MINUTE, user="bob", amount=10), event(NOON + MINUTE, kind="buy"))
    assert lab.aggregate() == Aggregated(table="per_kind", batch=2, rows=2, ranges=1)
    cells = [(row["window_start"] - NOON, row["kind"], row["events"], row["amount"], row["users"])
             for row in lab.rows("gold", "per_kind")]  # fmt: skip
    assert cells == [(0 * MINUTE, "buy", 1, None, 0), (0 * MINUTE, "view", 2, 11, 2), (5 * MINUTE, "view", 1, 2, 0)]
    assert right(lab)


BOUNDARIES = [
    (NOON, NOON),
    (NOON + 10 * MINUTE - TINY, NOON + 5 * MINUTE),
    (NOON + 10 * MINUTE, NOON + 10 * MINUTE),
    (datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)),
    (datetime(1970, 1, 1, tzinfo=UTC) - TINY, datetime(1969, 12, 31, 23, 55, tzinfo=UTC)),
    (datetime(1582, 10, 9, 0, 4, tzinfo=UTC), datetime(1582, 10, 9, tzinfo=UTC)),
    (datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)),
    (datetime(999, 12, 31, 23, 59, tzinfo=UTC), datetime(999, 12, 31, 23, 55, tzinfo=UTC)),
]


def test_window_boundaries_are_exact(lab):
    """A window holds its first microsecond and not its end, also before 1970 and in the first years that there are."""
    bring(lab, *[event(at) for at, _ in BOUNDARIES])
    follow(lab)
    bring(lab, *[event(at, kind="again") for at, _ in BOUNDARIES])
    follow(lab)
    cells = {
        (row["window_start"], row["window_end"], row["kind"], row["events"]) for row in lab.rows("gold", "per_kind")
    }
    assert cells == {(start, start + 5 * MINUTE, kind, 1) for _, start in BOUNDARIES for kind in ("view", "again")}


def test_windows_of_every_length_begin_with_1970(make_lab, make_source):
    """Windows of any length are aligned to 1970-01-01T00:00:00Z, an event's window starting at or before it."""
    lengths = {"1 second": timedelta(seconds=1), "6 hours": timedelta(hours=6), "7 days": timedelta(days=7)}
    tables = [dataclasses.replace(windowed(text), name=f"t{n}") for n, text in enumerate(lengths)]
    lab = make_lab(make_source(gold=tuple(tables)))
    times = [NOON, NOON - timedelta(days=3, seconds=1), datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
             datetime(1, 1, 7, 1, tzinfo=UTC)]  # fmt: skip
    for at in times:
        bring(lab, event(at))
        for table in tables:
            follow(lab, table.name)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for table, length in zip(tables, lengths.values(), strict=True):
        starts = sorted({epoch + (at - epoch) // length * length for at in times})
        assert [(row["window_start"], row["window_end"]) for row in lab.rows("gold", table.name)] == [
            (start, start + length) for start in starts
        ]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000001Z"])
def test_a_window_may_begin_before_the_first_year(make_lab, make_source, at):
    """The first moment that there is, which clocks that were never set tell, does not stop a table of long windows."""
    lab = make_lab(make_source(gold=(windowed("7 days"),)))
    bring(lab, event())
    follow(lab)
    bring(lab, event(at), event(NOON - timedelta(days=9)))
    follow(lab)
    assert lab.aggregate() is None


def test_many_touched_windows_are_replaced_by_few_ranges(lab):
    """Events scattered over more windows than a predicate may have ranges give the right cells."""
    bring(lab, *[event(NOON - 7 * n * MINUTE, amount=n) for n in range(300)])
    lab.aggregate()
    bring(lab, *[event(NOON - (10 * n + n % 3) * MINUTE, user="late") for n in range(200)])
    assert follow(lab).ranges == 64


def test_a_table_is_computed_span_by_span(make_lab, make_source, monkeypatch):
    """Windows computed a few at a time, first or again, are as if computed together, and are one commit."""
    asked = []

    def few(files, length):
        asked.append(list(spans(files, length, rows=4)))
        return asked[-1]

    monkeypatch.setattr(gold, "spans", few)
    lab = make_lab(make_source(gold=(windowed(),)), batch_records=2)
    for hour in range(3):
        bring(lab, *[event(NOON + hour * 60 * MINUTE + n * MINUTE, amount=n) for n in range(12)])
    assert follow(lab).rows == 9
    bring(lab, *[event(NOON + n * MINUTE, user="late") for n in (3, 70, 121)])
    follow(lab)
    assert [len(made) > 1 for made in asked] == [True, True]
    assert lab.open("gold", "per_kind").version == 2


def test_a_null_in_a_required_column_of_a_late_span_commits_nothing(make_lab, make_source, monkeypatch):
    """A fault that only the last windows show leaves the table without any of the rows before them."""
    monkeypatch.setattr(gold, "spans", partial(spans, rows=1))
    strict = dataclasses.replace(
        windowed(), columns=(*windowed().columns[:4], number(name="amount"), number(name="users"))
    )
    lab = make_lab(make_source(gold=(strict,)))
    bring(lab, event(amount=1))
    bring(lab, event(NOON + 60 * MINUTE))
    with pytest.raises(PluginError, match="required column amount is null"):
        lab.aggregate()
    assert lab.rows("gold", "per_kind") == []


LONGEST = GoldTable(
    name="longest",
    description="All kinds in one list.",
    sql="SELECT user, size(collect_list(kind)) AS kinds FROM silver GROUP BY user",
    columns=(text(name="user"), number(name="kinds")),
    keys=("user",),
)


def test_what_can_not_go_to_disk_gets_all_memory(make_lab, make_source):
    """A query whose state stays in memory fails with the part that Gold is given first, and is then tried again."""
    lab = make_lab(make_source(gold=(LONGEST,)), memory_limit_mb=256)
    for _ in range(4):
        bring(lab, *[event(kind=f"{n:03}" * 10_000, user="ada") for n in range(800)])
    with memory_limit(lab.engine._duck, 256 // 3, afterwards=256), pytest.raises(duckdb.OutOfMemoryException):
        lab.engine._aggregator(lab.source, LONGEST).run()
    assert lab.aggregate().rows == 1
    assert lab.rows("gold", "longest") == [{"user": "ada", "kinds": 3200}]


NAMES = ("per_kind", "sessions", "sizes", "whole")


def test_no_new_batch_is_no_commit(lab):
    """Without a new Silver batch nothing is computed or committed, before Silver exists and after it is followed."""
    assert [lab.aggregate(name) for name in NAMES] == [None] * 4
    bring(lab, event(user="ada", amount=1))
    assert None not in [lab.aggregate(name) for name in NAMES]
    before = lab.versions()
    assert [lab.aggregate(name) for name in NAMES] == [None] * 4
    assert before == lab.versions()


def test_a_batch_that_touches_nothing_moves_the_batch_on(lab):
    """A batch of misfits changes no row, and is not looked at again."""
    bring(lab, b"x")
    assert None not in [follow(lab, name) for name in NAMES]
    bring(lab, event(user="ada", amount=1))
    assert None not in [follow(lab, name) for name in NAMES]
    rows = [lab.rows("gold", name) for name in NAMES]
    bring(lab, b"y")
    assert None not in [follow(lab, name) for name in NAMES]
    assert rows == [lab.rows("gold", name) for name in NAMES]
    assert [lab.open("gold", name).batch for name in NAMES] == [3] * 4


def test_rows_without_a_key_take_no_part(lab):
    """A keyed table has no row for events whose key is null."""
    bring(lab, event(), event(user="ada"))
    follow(lab, "sessions")
    bring(lab, event(NOON + MINUTE), event(NOON + 2 * MINUTE, user="bob"))
    follow(lab, "sessions")
    assert [row["user"] for row in lab.rows("gold", "sessions")] == ["ada", "bob"]


def test_a_late_event_merges_sessions(lab):
    """An event between two sessions of a key makes them one, and the old rows are gone."""
    bring(lab, event(user="ada"), event(NOON + 20 * MINUTE, user="ada"), event(user="bob"))
    follow(lab, "sessions")
    assert len(lab.rows("gold", "sessions")) == 3
    bring(lab, event(NOON + 10 * MINUTE, user="ada"))
    follow(lab, "sessions")
    assert [(row["user"], row["began"], row["ended"], row["events"]) for row in lab.rows("gold", "sessions")] == [
        ("ada", NOON, NOON + 20 * MINUTE, 3),
        ("bob", NOON, NOON, 1),
    ]


KEYS = ["ada", "it's", 'say "hi"', "", "a\\b", "a%_b", "ключ", "😀", "\uffff", "a\nb", "-- ;", "x" * 500, "$1", "a\0b"]


def test_keys_may_hold_any_character(lab):
    """Quotes, line ends, wildcards and letters of all scripts in a key name exactly the rows of that key."""
    # Brought from the last to the first, each key begins a file, and so stands in the condition of what is replaced.
    for key in sorted(KEYS, reverse=True):
        bring(lab, event(user=key))
        lab.aggregate("sessions")
    assert sorted(KEYS) == sorted(file.low["user"] for file in lab.open("gold", "sessions").files())
    bring(lab, *[event(NOON + MINUTE, user=key) for key in KEYS[::2]])
    follow(lab, "sessions")
    found = {row["user"]: row["events"] for row in lab.rows("gold", "sessions")}
    assert {key: 2 - index % 2 for index, key in enumerate(KEYS)} == found


def test_numeric_keys_are_replaced_by_number(lab):
    """Keys that are numbers are compared as numbers, negative and large ones too."""
    numbers = [-(2**63), -10, -9, 0, 9, 10, 2**63 - 1]
    for number_of_key in reversed(numbers):
        bring(lab, event(amount=number_of_key))
        lab.aggregate("sizes")
    bring(lab, *[event(amount=number_of_key, user="ada") for number_of_key in numbers[::2]])
    follow(lab, "sizes")
    assert [(row["amount"], row["events"]) for row in lab.rows("gold", "sizes")] == [
        (number_of_key, 2 - index % 2) for index, number_of_key in enumerate(numbers)
    ]


PER_KINDS = {
    ScalarType.DOUBLE: ["10.25", "2.0", "1e300", "-1.5"],
    ScalarType.BOOLEAN: ["true", "false"],
    ScalarType.DATE: ['"2026-01-01"', '"1969-12-31"', '"0001-01-01"'],
    ScalarType.TIMESTAMP: ['"2026-01-01T00:00:00.0005Z"', '"1969-12-31T23:59:59.999999Z"', '"0999-01-01T00:00:00Z"'],
}


@pytest.mark.parametrize("kind", PER_KINDS)
def test_keys_of_every_type_are_followed(make_lab, make_source, kind):
    """A keyed table may be kept per number with fraction, truth value, day or moment."""
    table = GoldTable(
        name="per_key",
        description="Events of each key.",
        sql="SELECT k, count(*) AS events FROM silver GROUP BY k",
        columns=(Field(name="k", type=kind), number(name="events")),
        keys=("k",),
        per="k",
    )
    fields = (time(name="at"), Field(name="k", type=kind))
    silver = SilverTable(sql="SELECT k FROM events", columns=(Field(name="k", type=kind),))
    lab = make_lab(make_source(fields, silver=silver, gold=(table,), event_id=None))
    values = PER_KINDS[kind]
    for value in [*values, values[0]]:
        bring(lab, f'{{"at":"2026-03-01T11:00:00Z","k":{value}}}'.encode())
        follow(lab)
    assert sorted(row["events"] for row in lab.rows("gold", "per_key")) == [1] * (len(values) - 1) + [2]


USERS = st.sampled_from(["ada", "bob", "o'neil", "ю", None])
EVENTS = st.fixed_dictionaries(
    {
        "id": st.sampled_from([None, *"abcdefgh"]),
        "minute": st.integers(-200, 200),
        "user": USERS,
        "kind": st.sampled_from(["view", "buy"]),
        "amount": st.one_of(st.none(), st.integers(-3, 3), st.just("misfit")),
    }
)
FAULTS = st.builds(
    "{}@{}=raise".format,
    st.sampled_from([point for point in faults.POINTS if point.startswith(("quarantine.", "silver.", "gold."))]),
    st.integers(1, 3),
)
STEPS = st.lists(
    st.tuples(
        st.lists(st.tuples(EVENTS, st.integers(0, 1)), max_size=6),
        st.sampled_from(["bronze", "silver", "gold", "gold"]),
        st.one_of(st.none(), FAULTS),
    ),
    min_size=1,
    max_size=5,
)


def brought(each):
    """An event as it is brought; one that comes again, by its id, says the same each time."""
    if each["id"] is None:
        return event(NOON + each["minute"] * MINUTE, **{name: each[name] for name in ("user", "kind", "amount")})
    number = ord(each["id"])
    return event(NOON + number * MINUTE, id=each["id"], user=("ada", "bob")[number % 2], amount=number % 3)


def identity(place, fields):
    """What tells an event from others."""
    return fields.get("id", "{}-{}".format(*place)), fields["at"]


def go_on(lab, upto, fault):
    """Bring Bronze on, as far as Silver or Gold; a fault ends the engine, as a kill does, and a new one is there."""
    faults._armed.cache_clear()  # hits are counted from here on
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(faults.VARIABLE, fault or "")
        try:
            for _ in range(upto != "bronze"):
                lab.refine()
            for table in lab.source.gold if upto == "gold" else ():
                follow(lab, table.name)
        except (faults.FaultRaised, StreamingAssetsError):
            if fault is None:
                raise
            lab.engine.close()
            lab.engine = EmbeddedEngine(lab.settings, None)


def bronze(lab, records):
    """Commit a batch of events at their places."""
    lab.bronze(
        *[lab.record(json.dumps(each).encode(), partition=place[0], offset=place[1]) for place, each in records.items()]
    )


def places(rows):
    return sorted((row["partition"], row["offset"]) for row in rows)


def some(*amounts):
    return [({"id": None, "minute": place, "user": "ada", "kind": "view", "amount": each}, 0)
            for place, each in enumerate(amounts)]  # fmt: skip


@settings(max_examples=8, deadline=None)
@given(steps=STEPS, limit=st.integers(1, 8))
@example(steps=[(some("misfit", 1), "gold", "quarantine.committed@1=raise")], limit=8)
@example(steps=[(some(1), "bronze", None), (some("misfit", 2), "gold", "silver.written@2=raise")], limit=1)
def test_incremental_equals_from_scratch(make_source, tmp_path_factory, new_lab, steps, limit):
    """Whatever comes, in batches of any size and cut off at any moment, the tables are as if all had come at once."""
    source = make_source(gold=(windowed(), SESSIONS, SIZES, WHOLE))
    lab = new_lab(source, tmp_path_factory.mktemp("lake"), batch_records=limit)
    scratch = new_lab(source, tmp_path_factory.mktemp("scratch"))
    records = {}
    for events, upto, fault in steps:
        new = {(partition, len(records) + number): brought(each) for number, (each, partition) in enumerate(events)}
        records |= new
        bronze(lab, new)
        go_on(lab, upto, fault)
    go_on(lab, "gold", None)
    bronze(scratch, records)
    go_on(scratch, "gold", None)

    fitting = {place: each for place, each in records.items() if each["amount"] != "misfit"}
    assert places(lab.rows("quarantine")) == sorted(records.keys() - fitting.keys())
    silver = lab.rows("silver")
    assert set(places(silver)) <= fitting.keys()
    assert sorted((row["event_id"], row["event_time"].isoformat()) for row in silver) == sorted(
        {identity(place, each) for place, each in fitting.items()}
    )
    for table in source.gold:
        assert lab.rows("gold", table.name) == scratch.rows("gold", table.name)


@pytest.fixture
def audited(lab):
    """A lab whose windowed table is right and has three cells."""
    bring(lab, event(amount=1), event(kind="buy", amount=2), event(NOON - 9 * MINUTE))
    lab.aggregate()
    return lab


def audit(lab):
    """Compare the first table, and leave out where to look."""
    return dataclasses.replace(lab.engine.audit_gold(lab.source, lab.table()), examples=())


def test_a_right_table_passes(audited):
    """A table as it was computed lacks nothing and has nothing that it should not have."""
    assert audit(audited) == GoldAudit(table="per_kind", rows=3, missing=0, unexpected=0)


def test_a_missing_row_is_found(audited):
    """A cell that somebody deleted is missing."""
    audited.delete("gold", "kind = 'buy'", "per_kind")
    assert audit(audited) == GoldAudit(table="per_kind", rows=2, missing=1, unexpected=0)


def test_an_extra_row_is_found(audited):
    """A cell that somebody wrote, and one that is there twice, are unexpected."""
    first, *_ = audited.rows("gold", "per_kind")
    audited.plant("gold", [first, {**first, "kind": "other"}], "per_kind")
    assert audit(audited) == GoldAudit(table="per_kind", rows=5, missing=0, unexpected=2, repeated_keys=1)


@pytest.mark.parametrize("change", [{"events": 7}, {"amount": None}, {"window_end": NOON}, {"kind": "Buy"}])
def test_a_wrong_cell_is_found(audited, change):
    """A cell of another value is unexpected, and the right one is missing."""
    (bought,) = [row for row in audited.rows("gold", "per_kind") if row["kind"] == "buy"]
    audited.delete("gold", "kind = 'buy'", "per_kind")
    audited.plant("gold", [{**bought, **change}], "per_kind")
    assert audit(audited) == GoldAudit(table="per_kind", rows=3, missing=1, unexpected=1)


def test_what_a_table_has_not_seen_is_not_missing(audited):
    """A table is compared with the Silver rows up to its batch: being behind is no fault, and no reason to hide one."""
    bring(audited, event(kind="new"))
    assert audit(audited) == GoldAudit(table="per_kind", rows=3, missing=0, unexpected=0)
    audited.delete("gold", "kind = 'buy'", "per_kind")
    assert audit(audited) == GoldAudit(table="per_kind", rows=2, missing=1, unexpected=0)


def test_a_table_that_does_not_exist_lacks_nothing(lab):
    """Before the first aggregation there is nothing to compare."""
    bring(lab, event())
    assert audit(lab) == GoldAudit(table="per_kind", rows=0, missing=0, unexpected=0)


def test_a_sum_of_nothing_is_missing_only_once_the_table_was_computed(make_lab, make_source):
    """A table that has a row also without any event lacks nothing before its first computation, and the row after."""
    total = GoldTable(
        name="total",
        description="All events.",
        sql="SELECT 'all' AS of, count(*) AS events FROM silver",
        columns=(Field(name="of", type=ScalarType.STRING), Field(name="events", type=ScalarType.LONG)),
        keys=("of",),
    )
    lab = make_lab(make_source(gold=(total,)))
    assert audit(lab) == GoldAudit(table="total", rows=0, missing=0, unexpected=0)
    bring(lab, event())
    assert audit(lab) == GoldAudit(table="total", rows=0, missing=0, unexpected=0)
    lab.aggregate()
    assert audit(lab) == GoldAudit(table="total", rows=1, missing=0, unexpected=0)
    lab.delete("gold", "true", "total")
    assert audit(lab) == GoldAudit(table="total", rows=0, missing=1, unexpected=0)


def test_a_person_can_look_it_up(audited):
    """What is wrong is told by its keys."""
    audited.delete("gold", "kind = 'buy'", "per_kind")
    told = audited.engine.audit_gold(audited.source, audited.table()).examples
    assert [each.split(":")[0] for each in told] == ["missing"]
    assert "kind buy" in told[0]


@pytest.fixture
def long(make_lab, make_source):
    """A lab with 100 windows of five minutes, 500 keys, and a table of all rows; every row is wrong."""
    lab = make_lab(make_source(gold=(windowed(), SESSIONS, WHOLE)))
    bring(lab, *[event(NOON - number * MINUTE, user=f"u{number}") for number in range(250)])
    bring(lab, *[event(NOON - number * MINUTE, user=f"u{number}") for number in range(250, 500)])
    for table in lab.source.gold:
        lab.aggregate(table.name)
        lab.open("gold", table.name)._delta.update(updates={table.columns[-1].name: "77"})
    return lab


@pytest.mark.parametrize(("table", "rows"), [(0, 100), (1, 500)])
def test_a_sample_of_windows_or_keys(long, table, rows):
    """A share of the windows, or keys, is compared, always the same ones, and each fault in it is found."""
    chosen = long.source.gold[table]
    found = long.engine.audit_gold(long.source, chosen, Scope(share=0.2))
    assert 0.08 * rows < found.rows < 0.4 * rows
    assert (found.missing, found.unexpected) == (found.rows, found.rows)
    assert long.engine.audit_gold(long.source, chosen, Scope(share=0.2)) == found


@pytest.mark.parametrize(("table", "rows"), [(0, 51), (1, 250)])  # a window has events of both batches
def test_windows_or_keys_of_some_batches(long, table, rows):
    """Only the windows, or keys, are compared that rows of the chosen batches lie in, with all of their rows."""
    found = long.engine.audit_gold(long.source, long.source.gold[table], Scope(after=1, upto=2))
    assert (found.rows, found.missing, found.unexpected) == (rows, rows, rows)


def test_a_table_without_windows_and_keys_is_compared_whole(long):
    """Where there is nothing to choose from, all rows are compared."""
    whole = long.source.gold[2]
    found, all_of_it = (long.engine.audit_gold(long.source, whole, scope) for scope in (Scope(share=0.01), Scope()))
    assert found == all_of_it
    assert found.unexpected > 0


def broken(sql):
    return GoldTable(
        name="broken",
        description="Can't run.",
        sql=sql,
        columns=(text(name="kind"), number(name="n")),
        keys=("kind",),
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT kind, nothing AS n FROM silver",
        "SELECT kind, CAST(kind AS BIGINT) AS n FROM silver",
        "SELECT kind FROM silver",
        "SELECT kind, CAST(NULL AS BIGINT) AS n FROM silver",
        "SELECT CAST(NULL AS STRING) AS kind, amount AS n FROM silver",
    ],
)
def test_sql_that_can_not_run_is_a_fault_of_the_plugin(make_lab, make_source, sql):
    """SQL that fails, or gives no value for a required column, is told as the plugin's fault and commits nothing."""
    lab = make_lab(make_source(gold=(broken(sql),)))
    bring(lab, event(amount=1))
    with pytest.raises(PluginError, match=r"shop\.broken"):
        lab.aggregate()
    assert (lab.rows("gold", "broken"), lab.open("gold", "broken").batch) == ([], 0)


def test_compaction_between_batches_changes_nothing(lab):
    """Merged files of Silver and Gold give the same rows."""
    for step in range(3):
        bring(lab, event(NOON + step * MINUTE, user="ada", amount=step), event(user="bob", amount=step))
        for table in lab.source.gold:
            lab.aggregate(table.name)
    for table in ("per_kind", "sessions", "sizes"):
        lab.maintain("gold", table)
    lab.maintain("silver")
    assert [lab.aggregate(table.name) for table in lab.source.gold] == [None] * 4
    bring(lab, event(NOON - MINUTE, user="ada", amount=1), event(user="eve"))
    for table in lab.source.gold:
        follow(lab, table.name)
