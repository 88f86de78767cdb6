"""Silver and quarantine compared with what Bronze becomes: every planted fault is found."""

from __future__ import annotations

import pytest

from streaming_assets.engines.audits import RowAudit, Scope
from streaming_assets.lake.schemas import QUARANTINE

AT = "2026-03-01T11:00:00Z"


def event(**fields):
    return {"at": AT, "kind": "view", **fields}


@pytest.fixture
def lab(make_lab):
    """A lab with three events, one of them twice, and two records that do not fit, in two batches."""
    lab = make_lab()
    lab.bronze(event(id="e", amount=1), b"x")
    lab.bronze(event(id="e", amount=1), event(id="f", user="ada"), event(id="g"), b'{"at": 7}')
    lab.refine()
    return lab


def audit(lab, scope=None):
    *_, last = [RowAudit(), *lab.engine.audit_rows(lab.source, *([scope] if scope else []))]
    return last


def change(lab, layer, where, **cells):
    """Change cells behind the engine's back; values are SQL."""
    lab.open(layer)._delta.update(updates=cells, predicate=where)


def test_right_rows_pass(lab):
    """Tables as the engine left them are what Bronze becomes."""
    assert audit(lab) == RowAudit(records=6, silver=3, quarantine=2)


def test_nothing_gives_nothing(make_lab):
    """Before the first refinement there is nothing to compare."""
    lab = make_lab()
    assert audit(lab) == RowAudit()
    lab.bronze(event())
    assert audit(lab) == RowAudit()


@pytest.mark.parametrize(
    "cells",
    [{"kind": "'other'"}, {"user": "null"}, {"amount": "2"}, {"event_id": "'z'"},
     {"event_time": "'2026-03-01T11:00:00.000001Z'"}],
)  # fmt: skip
def test_a_changed_silver_cell_is_found(lab, cells):
    """One cell that differs makes its row wrong, in whichever column it is."""
    change(lab, "silver", "event_id = 'f'", **cells)
    found = audit(lab)
    assert (found.wrong_silver, found.wrong_quarantine) == (1, 0)
    assert found.silver_examples == ("wrong: partition 0, offset 3",)


def test_changed_bytes_in_bronze_are_found(lab):
    """Where the bytes of a Bronze row are others than those that Silver was made of, the Silver row is wrong."""
    change(lab, "bronze", '"offset" = 4', value='\'{"at": "2026-03-01T11:00:00Z", "kind": "like", "id": "g"}\'')
    found = audit(lab)
    assert (found.wrong_silver, found.silver_examples) == (1, ("wrong: partition 0, offset 4",))


def test_a_doubled_silver_row_is_found(lab):
    """A right row that is there twice is wrong once."""
    lab.plant("silver", lab.rows("silver")[:1])
    assert (audit(lab).wrong_silver, audit(lab).silver) == (1, 4)


def test_a_quarantined_record_in_silver_is_found(lab):
    """A Silver row of a record that does not fit is wrong."""
    first, *_ = lab.rows("silver")
    lab.plant("silver", [{**first, "offset": 1, "event_id": "x"}])
    assert audit(lab).silver_examples == ("wrong: partition 0, offset 1",)


@pytest.mark.parametrize(
    "cells",
    [{"reason": "'not_utf8'"}, {"field": "'$.x'"}, {"value": "'y'"}, {"key": "'k'"}, {"timestamp_type": "1"},
     {"ingested_at": "'2020-01-01T00:00:00Z'"}],
)  # fmt: skip
def test_a_changed_row_of_quarantine_is_found(lab, cells):
    """Another reason, field or raw column makes a row of quarantine wrong."""
    change(lab, "quarantine", '"offset" = 1', **cells)
    found = audit(lab)
    assert (found.wrong_silver, found.wrong_quarantine) == (0, 1)
    assert found.quarantine_examples == ("wrong: partition 0, offset 1",)


def test_another_wording_of_a_detail_is_right(lab):
    """The detail is text for people, and takes no part."""
    change(lab, "quarantine", '"offset" = 1', detail="'said otherwise'")
    assert audit(lab).wrong_quarantine == 0


def test_a_doubled_row_of_quarantine_is_found(lab):
    """A row of quarantine that is there twice is wrong once."""
    lab.plant("quarantine", lab.rows("quarantine")[:1])
    assert audit(lab).wrong_quarantine == 1


def test_a_record_that_fits_in_quarantine_is_found(lab):
    """A row of quarantine whose record fits is wrong: there is no reason for it."""
    bronze = next(row for row in lab.rows("bronze") if row["offset"] == 3)
    quarantined = next(iter(lab.rows("quarantine")))
    raw = {name: bronze[name] for name in bronze if name in quarantined}
    lab.plant("quarantine", [{**quarantined, **raw}])
    assert audit(lab).quarantine_examples == ("wrong: partition 0, offset 3",)


def test_a_released_row_keeps_its_bytes(lab):
    """Of a row that a replay released the raw columns count, and the reason is history."""
    lab.open("quarantine").complete(QUARANTINE.empty_table(), metadata={}, replay=2)
    change(lab, "quarantine", '"offset" = 1', released_batch="2", reason="'not_utf8'")
    assert audit(lab).wrong_quarantine == 0
    change(lab, "quarantine", '"offset" = 1', value="'y'")
    assert audit(lab).wrong_quarantine == 1


@pytest.mark.parametrize(("event_id", "batch"), [("e", 2), ("e", 3), ("e", 0), ("f", 1), ("f", 3)])
def test_a_changed_batch_of_a_silver_row_is_found(lab, event_id, batch):
    """A Silver row whose batch is not its Bronze row's, and that no replay brought, is wrong."""
    change(lab, "silver", f"event_id = '{event_id}'", batch=str(batch))
    offset = {"e": 0, "f": 3}[event_id]
    assert (audit(lab).wrong_silver, audit(lab).silver_examples) == (1, (f"wrong: partition 0, offset {offset}",))


@pytest.mark.parametrize("day", ["date '2020-01-01'", "date '2026-02-28'", "date '2026-03-02'"])
def test_a_silver_row_in_the_partition_of_another_day_is_found(lab, day):
    """A Silver row that its table has under another day than that of its event time is wrong."""
    change(lab, "silver", '"offset" = 3', event_date=day)
    assert (audit(lab).wrong_silver, audit(lab).silver_examples) == (1, ("wrong: partition 0, offset 3",))


def test_rows_near_midnight_are_in_the_partition_of_their_day(make_lab):
    """Events at the last and first microseconds of a day, whatever offset they were told with, are right."""
    lab = make_lab()
    times = ["2026-02-28T23:59:59.999999Z", "2026-03-01T00:00:00Z", "2026-03-01T01:30:00+02:00",
             "2026-02-28T22:30:00-02:00", "1969-12-31T23:59:59.999999Z"]  # fmt: skip
    lab.bronze(*[event(id=str(number), at=at) for number, at in enumerate(times)])
    lab.refine()
    days = [str(row["event_date"]) for row in lab.rows("silver")]
    assert days == ["2026-02-28", "2026-03-01", "2026-02-28", "2026-03-01", "1969-12-31"]
    assert audit(lab) == RowAudit(records=5, silver=5)
    lab.open("silver").compact(metadata={})
    assert audit(lab) == RowAudit(records=5, silver=5)


@pytest.mark.parametrize("batch", [1, 2, 3, 99])
def test_a_released_copy_of_a_row_that_never_was_in_quarantine_is_found(lab, batch):
    """Where no replay has been, nothing was released: a row of quarantine that says so is wrong."""
    bronze = next(row for row in lab.rows("bronze") if row["offset"] == 3)
    quarantined = next(iter(lab.rows("quarantine")))
    raw = {name: bronze[name] for name in bronze if name in quarantined}
    lab.plant("quarantine", [{**quarantined, **raw, "released_batch": batch}])
    assert audit(lab).quarantine_examples == ("wrong: partition 0, offset 3",)


def test_a_released_copy_of_a_record_in_quarantine_is_found(lab):
    """A record that is in quarantine and also told as released is wrong once."""
    lab.open("quarantine").complete(QUARANTINE.empty_table(), metadata={}, replay=2)
    lab.plant("quarantine", [{**lab.rows("quarantine")[0], "released_batch": 2}])
    assert (audit(lab).wrong_quarantine, audit(lab).quarantine_examples) == (1, ("wrong: partition 0, offset 1",))


def test_a_duplicate_that_is_still_in_quarantine_is_found(lab):
    """A row in quarantine that names the event whose duplicate it is is wrong: only a replay tells that."""
    change(lab, "quarantine", '"offset" = 1', duplicate_of="'shop-events/0/0'")
    assert (audit(lab).wrong_quarantine, audit(lab).quarantine_examples) == (1, ("wrong: partition 0, offset 1",))


def test_batches_after_silvers_are_not_compared(lab):
    """What Silver has not seen yet takes no part, also where it shares a file with what it has."""
    lab.bronze(event(id="h"), b"z")
    lab.open("bronze").compact(metadata={})
    assert audit(lab) == RowAudit(records=6, silver=3, quarantine=2)


def test_batches_can_be_chosen(lab):
    """Only the rows of the chosen batches are compared."""
    change(lab, "silver", "event_id = 'f'", kind="'other'")
    assert audit(lab, Scope(upto=1)) == RowAudit(records=2, silver=1, quarantine=1)
    later = audit(lab, Scope(after=1, upto=2))
    assert (later.records, later.silver, later.quarantine, later.wrong_silver) == (4, 2, 1, 1)


def test_a_sample_is_always_the_same_one(make_lab):
    """A share of the records is compared: about as many as asked for, and the same ones each time."""
    lab = make_lab()
    lab.bronze(*[event(id=str(number)) for number in range(1_000)])
    lab.refine()
    change(lab, "silver", "true", kind="'other'")
    found = audit(lab, Scope(share=0.2))
    assert 140 < found.records < 260
    assert (found.silver, found.wrong_silver) == (found.records, found.records)
    assert audit(lab, Scope(share=0.2)) == found


def test_slices_are_compared_one_by_one(make_lab):
    """Rows of all slices are counted, and a fault in any of them is found."""
    lab = make_lab(batch_records=10)
    for batch in range(6):
        lab.bronze(*[event(id=f"{batch}-{number}") for number in range(20)], b"x")
    lab.refine()
    steps = list(lab.engine.audit_rows(lab.source))
    assert [step.records for step in steps] == [21 * number for number in range(1, 7)]
    assert steps[-1] == RowAudit(records=126, silver=120, quarantine=6)
    change(lab, "silver", "event_id = '5-7'", kind="'other'")
    assert audit(lab).wrong_silver == 1
