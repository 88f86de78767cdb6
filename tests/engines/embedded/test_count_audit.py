"""Faults planted into the tables of a source, each found by the audit."""

from __future__ import annotations

import dataclasses

import pyarrow as pa
import pytest

from streaming_assets.engines.audits import CountAudit

AT = "2026-03-01T11:00:00Z"


def event(**fields):
    return {"at": AT, "kind": "view", **fields}


RIGHT = CountAudit(
    bronze=5, silver=2, quarantine=2, duplicates=1, lost=0,
    repeated_events=0, repeated_ids=0, in_both=0, without_bronze=0,
)  # fmt: skip


@pytest.fixture
def lab(make_lab):
    """A lab with two events, one of them twice, and two records that do not fit."""
    lab = make_lab()
    lab.bronze(event(id="e"), b"x")
    lab.bronze(event(id="e"), event(id="f"), b"y")
    lab.refine()
    return lab


def audit(lab, **how):
    """Count, and leave out where to look."""
    return dataclasses.replace(lab.engine.audit_counts(lab.source, **how), examples=())


def examples(lab):
    return lab.engine.audit_counts(lab.source).examples


def changed(**counts):
    return dataclasses.replace(RIGHT, **counts)


def test_right_tables_pass(lab):
    """Tables as the engine left them have every record in one place."""
    assert audit(lab) == RIGHT


def test_nothing_is_right(make_lab):
    """Before the first refresh, and before the first refinement, there is nothing to count."""
    lab = make_lab()
    counts = [field.name for field in dataclasses.fields(CountAudit) if field.name != "examples"]
    nothing = CountAudit(**dict.fromkeys(counts, 0))
    assert audit(lab) == nothing
    lab.bronze(event())
    assert audit(lab) == nothing


def test_what_silver_has_not_seen_is_not_counted(lab):
    """Bronze batches after Silver's are not lost, only not refined."""
    lab.bronze(event(id="g"), b"z")
    assert audit(lab) == RIGHT


def test_a_doubled_bronze_row_is_found(lab):
    """Where a record is in Bronze twice, the sum no longer holds."""
    lab.plant("bronze", lab.rows("bronze")[:1])
    assert audit(lab) == changed(bronze=6)


def test_a_removed_bronze_row_is_found(lab):
    """A Silver row whose Bronze row is gone comes from no Bronze row."""
    lab.delete("bronze", '"offset" = 3')
    assert audit(lab) == changed(bronze=4, without_bronze=1)


def test_a_removed_silver_row_is_found(lab):
    """A record that is gone from Silver is lost."""
    lab.delete("silver", "event_id = 'f'")
    assert audit(lab) == changed(silver=1, lost=1)


def test_a_removed_silver_row_of_a_duplicate_is_found(lab):
    """Where the one row of an event is gone, all records that brought it are lost."""
    lab.delete("silver", "event_id = 'e'")
    assert audit(lab) == changed(silver=1, duplicates=0, lost=2)


def test_a_removed_quarantine_row_is_found(lab):
    """A record that is gone from quarantine is lost."""
    lab.delete("quarantine", '"offset" = 1')
    assert audit(lab) == changed(quarantine=1, lost=1)


def test_a_doubled_silver_row_is_found(lab):
    """An event that is in Silver twice is a repeated event."""
    lab.plant("silver", lab.rows("silver")[:1])
    assert audit(lab) == changed(silver=3, repeated_events=1, repeated_ids=1)


def test_an_id_at_two_times_is_told_apart(lab):
    """An id with two event times is a repeated id, but no repeated event."""
    lab.bronze(event(id="e", at="2026-03-01T10:00:00Z"))
    lab.refine()
    assert audit(lab) == changed(bronze=6, silver=3, repeated_ids=1)


def test_a_row_in_both_tables_is_found(lab):
    """A quarantined record that is also in Silver is in both."""
    first, *_ = lab.rows("silver")
    lab.plant("silver", [{**first, "event_id": "x", "offset": 1}])
    assert audit(lab) == changed(silver=3, in_both=1)


@pytest.mark.parametrize("batch", [-1, 0, 1, 2, 3, 99])
@pytest.mark.parametrize("layer", ["silver", "quarantine"])
def test_a_row_without_a_bronze_row_is_found(lab, layer, batch):
    """A row that comes from no Bronze row is found, whatever batch it claims to be of."""
    first, *_ = lab.rows(layer)
    lab.plant(layer, [{**first, "event_id": "x", "offset": 77, "batch": batch}])
    if layer == "quarantine" and batch > 2:
        # What is in quarantine after Silver's batch may be the work of a run that ended before Silver's commit.
        assert audit(lab) == RIGHT
    else:
        assert audit(lab) == changed(**{layer: 3, "without_bronze": 1})


def test_a_released_row_without_a_bronze_row_is_found(lab):
    """History of a record that Bronze never had is invented."""
    first, *_ = lab.rows("quarantine")
    lab.plant("quarantine", [{**first, "offset": 77, "released_batch": 2}])
    assert audit(lab) == changed(without_bronze=1)
    assert examples(lab) == ("in the history of quarantine alone: partition 0, offset 77",)


@pytest.mark.parametrize("batch", [-1, 0, 1])
def test_a_bronze_row_that_nobody_refines_is_found(lab, batch):
    """A row that somebody wrote to Bronze as part of an old batch is lost."""
    first, *_ = lab.rows("bronze")
    lab.plant("bronze", [{**first, "value": b"new", "offset": 77, "batch": batch}])
    assert audit(lab) == changed(bronze=6, lost=1)


def test_what_a_replay_that_ended_early_brought_is_in_silver_alone(lab):
    """Where a replay ended between the commits of Silver and quarantine, its records are in Silver and not in both."""
    bronze, silver = lab.open("bronze"), lab.open("silver")
    bronze.append(bronze.arrow_schema().empty_table(), batch=3, metadata={"records": 0})
    first, *_ = lab.rows("silver")
    rows = pa.Table.from_pylist([{**first, "event_id": "x", "offset": 1, "batch": 3}], schema=silver.arrow_schema())
    silver.append(rows, batch=3, metadata={}, replay=True)
    assert audit(lab) == changed(silver=3, quarantine=1)
    lab.refine()
    assert audit(lab) == changed(silver=3, quarantine=1)


def test_what_a_replay_that_ended_early_brought_from_older_batches_is_left_out(lab):
    """Where only later batches are audited, and Bronze has gone on, a replay's records are no rows without Bronze."""
    bronze, silver = lab.open("bronze"), lab.open("silver")
    bronze.append(bronze.arrow_schema().empty_table(), batch=3, metadata={"records": 0})
    first, *_ = lab.rows("silver")
    rows = pa.Table.from_pylist([{**first, "event_id": "x", "offset": 1, "batch": 3}], schema=silver.arrow_schema())
    silver.append(rows, batch=3, metadata={}, replay=True)
    assert audit(lab, after=1, upto=3) == changed(bronze=3, silver=1, quarantine=1)


def test_batches_up_to_one_can_be_audited_alone(lab):
    """Of the batches up to a given one, later rows are left out, but for those that a replay brought."""
    assert audit(lab, upto=1) == changed(bronze=2, silver=1, quarantine=1, duplicates=0)
    lab.open("silver")._delta.update(updates={"batch": "2"}, predicate="event_id = 'e'")
    assert audit(lab, upto=1) == changed(bronze=2, silver=1, quarantine=1, duplicates=0)
    lab.delete("quarantine", '"offset" = 1')
    assert audit(lab, upto=1) == changed(bronze=2, silver=1, quarantine=0, duplicates=0, lost=1)
    assert examples(lab) == ("lost: partition 0, offset 1",)


def test_some_batches_can_be_audited_alone(lab):
    """Of the batches after a given one, duplicates of older events are still told from lost records."""
    assert audit(lab, after=1) == changed(bronze=3, silver=1, quarantine=1)
    lab.delete("silver", "event_id = 'f'")
    assert audit(lab, after=1) == changed(bronze=3, silver=0, quarantine=1, lost=1)
    assert audit(lab, after=2) == changed(bronze=0, silver=0, quarantine=0, duplicates=0)


def test_an_event_that_comes_again_in_later_batches_is_found(lab):
    """Of the batches after a given one, an event that Silver had before them is a repeated event."""
    first, *_ = lab.rows("silver")
    lab.plant("silver", [{**first, "offset": 2, "batch": 2}])
    assert audit(lab, after=1).repeated_events == 1
    assert audit(lab, after=0).repeated_events == 1
