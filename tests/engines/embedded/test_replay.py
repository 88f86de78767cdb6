"""Quarantined records sent through a mended plugin, on Bronze tables written by hand."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streaming_assets.contract import ScalarType
from streaming_assets.engines.audits import EVERYTHING, RowAudit, Scope
from streaming_assets.engines.protocol import Replayed, Selection
from streaming_assets.errors import ConcurrentWrite, PluginError, TableBusy
from streaming_assets.faults import VARIABLE, FaultRaised, _armed
from streaming_assets.lake.lock import source_lock
from streaming_assets.lake.positions import read_position
from streaming_assets.layers.batches import compare_batches
from tests.support import mending
from tests.support.mending import AFTER, ALL, BEFORE, GOLD, SMALL, event, nameless, replay, whole

ROOT = Path(__file__).parents[3]


@pytest.fixture
def mend(make_lab):
    """Brings batches of records to Silver and Gold by the source as it was; returns the lab of the mended one."""

    def make(*batches, **settings):
        before = make_lab(BEFORE, **settings)
        for batch in batches:
            before.bronze(*batch)
            before.refine()
        mending.refresh(before)
        return then(before, make_lab(AFTER, **settings))

    return make


def then(before, after):
    """Let a lab go on where another one of the same tables is."""
    after._next = before._next
    return after


def wrong(lab, scope=EVERYTHING):
    """How many rows of Silver and of quarantine are wrong by the mended source."""
    *_, audit = [RowAudit(), *lab.engine.audit_rows(lab.source, scope)]
    return (audit.wrong_silver, audit.wrong_quarantine)


def clean(lab):
    """Whether everything holds: each Bronze row is in one place, and each table is what the one before it gives."""
    assert mending.faults(lab) == []
    silver_rows, _ = wrong(lab)  # what waits in quarantine for its replay has no reason to be there any more
    assert silver_rows == 0
    return True


def held(lab):
    """The records that are in quarantine, by offset."""
    return [row["offset"] for row in lab.rows("quarantine") if row["released_batch"] is None]


def released(lab):
    """The records that left quarantine: offset, batch, and whose duplicate they are."""
    rows = [row for row in lab.rows("quarantine") if row["released_batch"] is not None]
    return [(row["offset"], row["released_batch"], row["duplicate_of"]) for row in rows]


def silver(lab):
    return [(row["offset"], row["event_id"], row["batch"]) for row in lab.rows("silver")]


def test_what_fits_now_moves_to_silver_and_gold(mend):
    """Records that fit the mended schema are in Silver under a new batch, and in Gold; quarantine keeps a history."""
    lab = mend([whole("a"), nameless("b")], [b"rubbish", nameless("c", minute=5)])

    assert replay(lab) == [Replayed(batch=3, records=3, silver=2, duplicates=0, quarantined=1, changed=0)]

    assert silver(lab) == [(0, "a", 1), (1, "b", 3), (3, "c", 3)]
    assert (held(lab), released(lab)) == ([2], [(1, 3, None), (3, 3, None)])
    assert {row["reason"] for row in lab.rows("quarantine") if row["released_batch"]} == {"null_field"}
    assert [row["events"] for row in lab.rows("gold", "per_kind")] == [2, 1]
    assert clean(lab)


def test_quarantine_keeps_the_bytes_and_coordinates(mend):
    """A released record keeps every column that it had, and only tells how it left."""
    lab = mend([nameless("a"), b"rubbish", None])
    before = lab.rows("quarantine")

    replay(lab)

    changed = [{**row, "released_batch": None} for row in lab.rows("quarantine")]
    assert before == changed


def test_a_second_replay_changes_nothing(mend):
    """A replay that finds nothing that fits makes no commit in any table."""
    lab = mend([whole("a"), nameless("b"), b"rubbish"])
    replay(lab)
    versions = lab.versions()

    assert replay(lab) == [Replayed(batch=None, records=1, silver=0, duplicates=0, quarantined=1, changed=0)]
    assert versions == lab.versions()
    assert clean(lab)


def test_a_quarantine_without_records_has_no_steps(mend, make_lab):
    """Where nothing is in quarantine, or there are no tables at all, nothing is done."""
    assert replay(make_lab(AFTER)) == []
    lab = mend([whole("a")])
    versions = lab.versions()
    assert (replay(lab), lab.versions()) == ([], versions)


def test_an_event_that_came_again_meanwhile_is_released_as_its_duplicate(mend):
    """A record whose event is in Silver already leaves quarantine without a row, and names the record that has it."""
    lab = mend([nameless("a"), nameless("b")])
    lab.bronze(whole("a"))

    (step,) = replay(lab)

    assert (step.silver, step.duplicates) == (1, 1)
    assert silver(lab) == [(1, "b", 3), (2, "a", 2)]
    assert released(lab) == [(0, 3, "shop-events/0/2"), (1, 3, None)]
    assert clean(lab)


def test_an_event_that_is_in_quarantine_twice_goes_to_silver_once(mend):
    """Of two records of one event the earlier goes to Silver, and the later is its duplicate."""
    lab = mend([nameless("a")], [nameless("a"), nameless("b")])

    assert [(step.silver, step.duplicates) for step in replay(lab)] == [(2, 1)]
    assert released(lab) == [(0, 3, None), (1, 3, "shop-events/0/0"), (2, 3, None)]
    assert clean(lab)


def test_events_without_an_id_are_no_duplicates(mend):
    """Equal events that only their coordinates tell apart are all in Silver, whatever ids others have."""
    lab = mend([nameless(None), nameless(None), whole("0-0")])

    assert [(step.silver, step.duplicates) for step in replay(lab)] == [(2, 0)]
    assert [identity for _, identity, _ in silver(lab)] == ["0-0", "0-1", "0-0"]
    assert released(lab) == [(0, 2, None), (1, 2, None)]


def test_an_event_late_for_its_window_is_in_it(mend):
    """A record that is replayed long after its window was computed is counted in that window, and in no other."""
    minutes = [whole(f"e{minute}", minute=minute) for minute in range(50)]
    lab = mend([nameless("late", minute=3, at="2026-02-01T11:03:00Z"), *minutes], [whole("z", minute=59)])

    replay(lab)

    windows = [(row["window_start"].isoformat()[:16], row["events"]) for row in lab.rows("gold", "per_kind")]
    assert windows[:2] == [("2026-02-01T11:03", 1), ("2026-03-01T11:00", 1)]
    assert [row["events"] for row in lab.rows("gold", "per_user") + lab.rows("gold", "total")] == [52, 52]
    assert clean(lab)


def test_what_does_not_fit_for_another_reason_is_told_anew(mend, make_lab):
    """Reason, field and detail follow the present schema, and only a change of them is committed."""
    lab = mend([event("a", amount="7"), whole("b")])
    fields = tuple(
        replace(each, type=ScalarType.DATE) if each.name == "amount" else each for each in AFTER.schema.fields
    )
    source = replace(AFTER, schema=replace(AFTER.schema, fields=fields))
    before, after = lab.open("quarantine").version, then(lab, make_lab(replace(source, silver=AFTER.silver)))

    assert [(step.batch, step.quarantined, step.changed) for step in replay(after)] == [(None, 1, 1)]

    (row,) = lab.rows("quarantine")
    assert (row["reason"], row["field"], row["released_batch"]) == ("bad_date", "$.amount", None)
    assert lab.open("quarantine").version == before + 1
    assert [(step.changed, step.batch) for step in replay(after)] == [(0, None)]


def test_reason_and_time_select(mend):
    """Only records of the reason that were read at the time or later are looked at; all others stay as they are."""
    lab = mend([nameless("a"), event("b", amount="7")], [nameless("c"), b"rubbish"], [nameless("d")])
    since = lab.noon + timedelta(seconds=2)

    assert [step.records for step in replay(lab, Selection(reason="null_field", since=since))] == [2]
    assert (held(lab), [offset for offset, *_ in released(lab)]) == ([0, 1, 3], [2, 4])
    assert [step.records for step in replay(lab, Selection(reason="not_utf8"))] == []
    assert [step.records for step in replay(lab, Selection(since=since + timedelta(seconds=2)))] == []
    assert [step.records for step in replay(lab, Selection(reason="null_field"))] == [1]
    assert held(lab) == [1, 3]
    assert clean(lab)


def test_silver_is_brought_up_to_bronze_first(mend):
    """Bronze batches that Silver lacks are refined before, so that none is skipped by the replay's batch."""
    lab = mend([nameless("a")])
    lab.bronze(whole("b"), nameless("c"), b"x")

    assert [(step.batch, step.silver) for step in replay(lab)] == [(3, 1)]
    assert silver(lab) == [(0, "a", 3), (1, "b", 2), (2, "c", 2)]
    assert clean(lab)


def test_an_engine_refuses_to_skip_batches_of_bronze(mend):
    """A replay of a Silver that lacks Bronze batches is refused and changes nothing."""
    lab = mend([nameless("a")])
    lab.bronze(whole("b"))
    versions = lab.versions()
    with pytest.raises(ConcurrentWrite, match="does not contain all of Bronze"):
        list(lab.engine.replay(lab.source, ALL))
    assert versions == lab.versions()


def test_bronze_keeps_rows_and_position(mend):
    """A replay adds an empty batch to Bronze, which repeats the position; a refresh goes on from there."""
    lab = mend([nameless("a"), nameless("b")])
    before = read_position(lab.open("bronze"))
    rows = lab.rows("bronze")

    replay(lab)

    bronze = lab.open("bronze")
    assert (bronze.batch, lab.rows("bronze"), read_position(bronze)) == (2, rows, before)
    lab.bronze(whole("c"))
    lab.refine()
    assert silver(lab) == [(0, "a", 2), (1, "b", 2), (2, "c", 3)]
    for table in GOLD:
        lab.aggregate(table.name)
    assert clean(lab)


def test_slices_bound_what_is_replayed_at_once(mend):
    """A large quarantine is replayed in slices, each with a batch of its own, and no row is lost between them."""
    batches = [[nameless(f"{number}-{each}", minute=number) for each in range(4)] + [b"x"] for number in range(6)]
    lab = mend(*batches, batch_records=3)

    steps = replay(lab)

    assert [(step.batch, step.records, step.silver) for step in steps] == [(batch, 5, 4) for batch in range(7, 13)]
    assert (len(lab.rows("silver")), len(held(lab)), len(released(lab))) == (24, 6, 24)
    assert clean(lab)


def test_a_merged_quarantine_is_replayed(mend):
    """Where many batches lie in one file, what is not selected is there afterwards as it was."""
    lab = mend(*[[nameless(f"e{number}"), b"x"] for number in range(5)])
    lab.maintain("quarantine")
    since = lab.noon + timedelta(seconds=4)

    assert [(step.records, step.silver) for step in replay(lab, Selection(since=since))] == [(4, 2)]
    assert (held(lab), [offset for offset, *_ in released(lab)]) == ([0, 1, 2, 3, 4, 5, 7, 9], [6, 8])
    lab.maintain("quarantine")
    assert [(step.records, step.silver) for step in replay(lab)] == [(8, 3)]
    assert held(lab) == [1, 3, 5, 7, 9]
    assert clean(lab)


def test_records_that_the_transform_fails_on_again_stay(make_lab, make_source):
    """Many records that all fail again stay in quarantine: they are no sign of a plugin that can't run at all."""
    failing, mended = (
        make_source(silver=replace(AFTER.silver, sql=None, function=each)) for each in (_fails_on_x, _as_it_is)
    )
    lab = make_lab(failing)
    lab.bronze(*[event(f"e{number}", kind="x", amount=1) for number in range(12)], *[whole(f"f{n}") for n in range(9)])
    lab.refine()
    assert (len(held(lab)), {row["reason"] for row in lab.rows("quarantine")}) == (12, {"silver_failed"})

    assert [(step.records, step.quarantined, step.batch) for step in replay(lab)] == [(12, 12, None)]
    assert [(step.records, step.silver) for step in replay(then(lab, make_lab(mended)))] == [(12, 12)]
    assert held(lab) == []


def _fails_on_x(events):
    if "x" in events.column("kind").to_pylist():
        raise ValueError("x is too much")
    return _as_it_is(events)


def _as_it_is(events):
    return events.select(["kind", "user", "amount"])


def test_a_plugin_that_can_not_run_is_told(mend, make_lab):
    """A transform that can't run whatever the record ends the replay before anything is committed."""
    lab = mend([nameless("a")])
    broken = replace(AFTER, silver=replace(AFTER.silver, sql="SELECT kind, user, nosuch AS amount FROM events"))
    versions = lab.versions()
    with pytest.raises(PluginError, match="can't run"):
        list(make_lab(broken).engine.replay(broken, ALL))
    assert versions == lab.versions()


def test_long_and_binary_values_are_replayed(mend):
    """Values that the native check leaves to the one implementation are decided by it here as well."""
    padded = json.dumps({**nameless("long"), "more": "x" * 100_000}).encode()
    lab = mend([padded, b"\xff\xfe", nameless("a")])

    assert [(step.silver, step.quarantined) for step in replay(lab)] == [(2, 1)]
    assert [row["reason"] for row in lab.rows("quarantine") if row["released_batch"] is None] == ["not_utf8"]
    assert clean(lab)


def test_silver_made_anew_has_what_was_released(mend):
    """Where Silver is gone and made again from Bronze, released records are in it, and in quarantine no more."""
    lab = mend([nameless("a"), whole("b"), b"x"])
    replay(lab)
    for file in sorted(lab.open("silver").path.rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()

    lab.refine()

    assert (silver(lab), held(lab)) == ([(0, "a", 1), (1, "b", 1)], [2])
    audit = lab.engine.audit_counts(lab.source)
    assert (audit.bronze, audit.silver, audit.quarantine, audit.lost, audit.in_both) == (3, 2, 1, 0, 0)
    assert wrong(lab) == (0, 0)


def test_a_replay_waits_for_a_refresh(mend):
    """While somebody else holds the source's lock nothing is replayed."""
    lab = mend([nameless("a")], lock_timeout_seconds=0)
    versions = lab.versions()
    with source_lock(lab.settings.home, lab.source.name, timeout=0), pytest.raises(TableBusy):
        replay(lab)
    assert versions == lab.versions()
    assert len(replay(lab)) == 1


def test_a_refresh_by_somebody_else_fences_a_replay(mend):
    """Where another machine commits to Bronze in mid-replay, the replay is refused, and nothing is there twice."""
    lab = mend(*[[nameless(f"e{number}")] for number in range(6)], batch_records=1)
    lab.refine()
    slices = lab.engine.replay(lab.source, ALL)
    next(slices)
    lab.bronze(whole("meanwhile"))
    with pytest.raises(ConcurrentWrite):
        list(slices)

    assert sum(step.silver for step in replay(lab)) == 3
    assert [identity for _, identity, _ in silver(lab)] == [*(f"e{number}" for number in range(6)), "meanwhile"]
    assert clean(lab)


@pytest.fixture
def interrupted(mend, monkeypatch):
    """A lab whose replay ended after Silver's commit: an event of it went there, of another one it was there before."""
    lab = mend([nameless("a"), nameless("b"), b"x"])
    lab.bronze(whole("a"))
    monkeypatch.setenv(VARIABLE, "replay.silver@1=raise")
    with pytest.raises(FaultRaised):
        replay(lab)
    monkeypatch.delenv(VARIABLE)
    _armed.cache_clear()  # it counts how often a point was reached, for all tests of this process
    return lab


def test_an_interrupted_replay_is_told_and_is_no_fault(interrupted):
    """Between Silver's commit and quarantine's every check holds, and it is told what the next refresh settles."""
    assert clean(interrupted)
    notes = compare_batches(interrupted.source, interrupted.lake).notes
    assert [note for note in notes if "quarantine was not told yet" in note] != []
    assert held(interrupted) == [0, 1, 2]


def test_a_refresh_finishes_an_interrupted_replay(interrupted):
    """The next refresh releases what is in Silver; a duplicate stays until the next replay, which finds it again."""
    mending.refresh(interrupted)
    assert (released(interrupted), held(interrupted)) == ([(1, 3, None)], [0, 2])
    versions = interrupted.versions()
    mending.refresh(interrupted)
    assert versions == interrupted.versions()

    assert [(step.batch, step.duplicates) for step in replay(interrupted)] == [(4, 1)]
    assert released(interrupted) == [(0, 4, "shop-events/0/3"), (1, 3, None)]
    assert clean(interrupted)


def change(lab, layer, where, **cells):
    """Change cells behind the engine's back; values are SQL."""
    lab.open(layer)._delta.update(updates=cells, predicate=where)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("told", [True, False])
def test_a_changed_batch_of_a_released_row_is_found(interrupted, told, batch):
    """A row that a replay brought to Silver has the replay's batch, whether quarantine was told it yet or not."""
    if told:
        mending.refresh(interrupted)
    assert clean(interrupted)
    change(interrupted, "silver", '"offset" = 1', batch=str(batch))
    assert wrong(interrupted)[0] == 1


def test_invented_releases_are_found_among_real_ones(interrupted):
    """A copy that says that a real replay released a row which came to Silver by itself makes that row wrong."""
    replay(interrupted)
    assert wrong(interrupted) == (0, 0)
    (real,) = [row for row in interrupted.rows("quarantine") if row["offset"] == 1]
    (bronze,) = [row for row in interrupted.rows("bronze") if row["offset"] == 3]
    raw = {name: bronze[name] for name in bronze if name in real}
    interrupted.plant("quarantine", [{**real, **raw, "released_batch": 3}])
    assert wrong(interrupted) == (1, 0)


def test_a_release_as_a_duplicate_of_what_is_in_silver_itself_is_found(interrupted):
    """A record that a replay brought to Silver is nobody's duplicate."""
    replay(interrupted)
    change(interrupted, "quarantine", '"offset" = 1', duplicate_of="'shop-events/0/3'")
    assert wrong(interrupted) == (0, 1)


def test_what_replays_released_is_right_in_merged_tables_and_samples(interrupted):
    """After replays, and merges of all tables, every row has its batch; also of a time or a sample alone."""
    replay(interrupted)
    for layer in ("bronze", "silver", "quarantine"):
        interrupted.open(layer).compact(metadata={})
    assert clean(interrupted)
    for scope in (EVERYTHING, Scope(after=1), Scope(upto=1), Scope(upto=2), Scope(after=2), Scope(share=0.5)):
        assert wrong(interrupted, scope) == (0, 0)


@pytest.mark.parametrize("finished", [True, False])
def test_tables_made_anew_after_a_replay_hold_the_same(interrupted, finished):
    """Silver and quarantine made anew from Bronze hold each record once, whether the replay before ended or not."""
    if finished:
        replay(interrupted)
    list(interrupted.engine.rebuild(interrupted.source))
    mending.refresh(interrupted)

    assert sorted(identity for _, identity, _ in silver(interrupted)) == ["a", "b"]
    assert (held(interrupted), clean(interrupted)) == ([2], True)
    versions = interrupted.versions()
    assert [step.records for step in replay(interrupted)] == [1]
    assert versions == interrupted.versions()


CRASH = [
    [nameless("a"), whole("b"), nameless("a"), b"x", nameless("c")],
    [nameless("d", minute=7), whole("e"), nameless("f"), nameless("g"), nameless("c")],
    [nameless("h", minute=9), None, nameless("i"), nameless("k", at="2026-02-01T00:00:00Z")],
]
"""Three slices of quarantine; an event that is in it twice, within a slice and over both."""

MEANWHILE = [whole("h", minute=9), whole("l"), nameless("m"), b"y"]
"""What is in Bronze, but nowhere else, when the replay begins; an event of it is in quarantine."""

KILLS = [
    *((f"replay.{moment}@{hit}", "replay") for moment in ("begun", "silver", "released") for hit in (1, 2)),
    *((f"replay.{moment}", "refresh") for moment in ("begun", "silver", "released")),
    *(
        pytest.param(f"{layer}.{moment}@2", "replay", marks=pytest.mark.long)
        for layer in ("bronze", "silver", "quarantine", "gold")
        for moment in ("computed", "written", "committed")
    ),
]
"""At which moment a replay is killed, and what is run next."""


def child(home, step, fault=""):
    """Run a step in a process of its own; return its exit code."""
    environment = {**os.environ, VARIABLE: fault}
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.mending", str(home), step],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


@pytest.fixture(scope="module")
def waiting(tmp_path_factory):
    """A home with records in quarantine that fit the mended source, and with a Bronze batch that is not refined."""
    home = tmp_path_factory.mktemp("waiting")
    lab = mending.lab.Lab(home, BEFORE, **SMALL)
    for batch in CRASH:
        lab.bronze(*batch)
        lab.refine()
    mending.refresh(lab)
    lab.bronze(*MEANWHILE)
    lab.engine.close()
    return home


@pytest.mark.long
@pytest.mark.parametrize(("fault", "then_run"), KILLS)
def test_a_replay_killed_at_any_moment_is_made_good(waiting, tmp_path, make_lab, fault, then_run):
    """After a kill nothing is lost or there twice; a refresh leaves every table right, and a replay finishes."""
    home = tmp_path / "home"
    shutil.copytree(waiting, home)
    assert child(home, "replay", f"{fault}=kill") == -signal.SIGKILL

    lab = make_lab(AFTER, home=home, **SMALL)
    assert clean(lab)
    (mending.replay if then_run == "replay" else mending.refresh)(lab)
    assert clean(lab)
    replay(lab)

    assert clean(lab)
    assert sorted(identity for _, identity, _ in silver(lab)) == list("abcdefghiklm")
    assert [row["value"] for row in lab.rows("quarantine") if row["released_batch"] is None] == [b"x", None, b"y"]
    assert [(offset, duplicate_of) for offset, _, duplicate_of in released(lab)] == [
        *((0, None), (2, "shop-events/0/0"), (4, None), (5, None), (7, None), (8, None)),
        *((9, "shop-events/0/4"), (10, "shop-events/0/14"), (12, None), (13, None)),
    ]


@pytest.mark.long
def test_replays_killed_again_and_again_end(waiting, tmp_path, make_lab):
    """Replays that are killed one after the other, each a little later, come to the same end as one that is not."""
    home = tmp_path / "home"
    shutil.copytree(waiting, home)
    for fault in (
        "bronze.written",
        "replay.begun",
        "replay.silver",
        "quarantine.written@2",
        "replay.silver",
        "gold.written",
    ):
        assert child(home, "replay", f"{fault}=kill") == -signal.SIGKILL
    assert child(home, "replay") == 0

    lab = make_lab(AFTER, home=home, **SMALL)
    assert clean(lab)
    assert (len(lab.rows("silver")), len(released(lab)), len(held(lab))) == (12, 10, 3)


EVENTS = st.tuples(st.sampled_from("abcdef"), st.integers(0, 2), st.booleans())
BATCHES = st.lists(st.lists(EVENTS, max_size=6), min_size=1, max_size=4)
OFFSETS = st.integers(0, 5)


@pytest.mark.long
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BATCHES, BATCHES, OFFSETS, st.lists(st.integers(0, 4), max_size=2))
def test_any_replays_of_any_records_come_to_the_same(tmp_path_factory, before, meanwhile, since, selections):
    """Whatever came when, before or after the mending, and in however many replays: each event is there once."""
    home = tmp_path_factory.mktemp("any")
    old, new = (mending.lab.Lab(home, source, **SMALL) for source in (BEFORE, AFTER))
    for batch in before:
        old.bronze(*[_record(*each) for each in batch])
        old.refine()
    mending.refresh(old)
    for number, batch in enumerate(meanwhile):
        then(old, new).bronze(*[_record(*each) for each in batch])
        if number == since:
            replay(new, Selection(since=new.noon + timedelta(seconds=since)))
    for seconds in selections:
        replay(new, Selection(reason="null_field", since=new.noon + timedelta(seconds=seconds)))
    replay(new)

    expected = {(identity, minute) for batch in [*before, *meanwhile] for identity, minute, _ in batch}
    found = [(row["event_id"], row["event_time"].minute) for row in new.rows("silver")]
    assert sorted(expected) == sorted(found)
    assert (held(new), clean_but_for_ids(new)) == ([], True)
    old.engine.close()
    new.engine.close()


def _record(identity, minute, fits):
    return (whole if fits else nameless)(identity, minute=minute)


def clean_but_for_ids(lab):
    """Whether everything holds, where events of different times may have one id."""
    return [each for each in mending.faults(lab) if each.check != "event_id_unique"] == []
