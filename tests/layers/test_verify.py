"""What must hold between the tables of a source."""

from __future__ import annotations

import dataclasses

import pytest

from streaming_assets.contract import Field, GoldTable, ScalarType
from streaming_assets.engines.protocol import Audit, GoldAudit
from streaming_assets.layers.verify import (
    Finding,
    event_id_unique,
    gold_equals_recompute,
    reconciled,
    records_once,
    verify,
)

AT = "2026-03-01T11:00:00Z"
TOTALS = GoldTable(
    name="totals",
    description="Events of each kind.",
    sql="SELECT kind, count(*) AS events FROM silver GROUP BY kind",
    columns=(Field(name="kind", type=ScalarType.STRING), Field(name="events", type=ScalarType.LONG)),
    keys=("kind",),
)
RIGHT = Audit(
    bronze=1_005, silver=1_002, quarantine=2, duplicates=1, lost=0,
    repeated_records=0, repeated_events=0, repeated_ids=0, in_both=0, foreign=0,
)  # fmt: skip


def changed(**counts):
    return dataclasses.replace(RIGHT, **counts)


@pytest.fixture
def lab(make_lab, make_source):
    """A refreshed lab with one Gold table."""
    lab = make_lab(make_source(gold=(TOTALS,)))
    lab.bronze({"id": "e", "at": AT, "kind": "a"}, {"id": "e", "at": AT, "kind": "a"}, b"x")
    lab.bronze({"id": "f", "at": AT, "kind": "b"})
    lab.refine()
    lab.aggregate()
    return lab


def failed(lab):
    return [(finding.table, finding.check) for finding in verify(lab.source, lab.engine) if not finding.passed]


def test_right_tables_pass_every_check(lab):
    """Of tables as the engine left them, every check passes and tells its numbers."""
    assert list(verify(lab.source, lab.engine)) == [
        Finding("records_once", "bronze", passed=True, found="4 rows, 0 records more than once"),
        Finding("reconciled", "silver", passed=True, found="bronze 4 = silver 2 + quarantine 1 + duplicates 1"),
        Finding("event_id_unique", "silver", passed=True, found="0 events and 0 ids more than once"),
        Finding("equals_recompute", "gold.totals", passed=True, found="2 rows, 0 missing, 0 unexpected"),
    ]


def test_tables_that_do_not_exist_pass(make_lab, make_source):
    """Before the first refresh nothing is wrong."""
    assert failed(make_lab(make_source(gold=(TOTALS,)))) == []


def test_a_doubled_record_fails(lab):
    """A record that is in Bronze twice fails the check of Bronze, and the sum of Silver."""
    lab.plant("bronze", lab.rows("bronze")[:1])
    assert failed(lab) == [("bronze", "records_once"), ("silver", "reconciled")]


def test_a_lost_event_fails(lab):
    """An event that is gone from Silver fails the sum, and what is computed from Silver differs."""
    lab.delete("silver", "event_id = 'f'")
    assert failed(lab) == [("silver", "reconciled"), ("gold.totals", "equals_recompute")]


def test_a_doubled_event_fails(lab):
    """An event that is in Silver twice fails the check of ids, the sum, and what is computed from Silver."""
    lab.plant("silver", lab.rows("silver")[:1])
    assert failed(lab) == [
        ("silver", "reconciled"),
        ("silver", "event_id_unique"),
        ("gold.totals", "equals_recompute"),
    ]


def test_a_wrong_gold_row_fails(lab):
    """A Gold row that does not follow from Silver fails the check of its table alone."""
    lab.plant("gold", [{"kind": "c", "events": 1}], "totals")
    assert failed(lab) == [("gold.totals", "equals_recompute")]


@pytest.mark.parametrize(
    ("audit", "passed", "found"),
    [
        (RIGHT, True, "bronze 1,005 = silver 1,002 + quarantine 2 + duplicates 1"),
        (changed(bronze=1_006, lost=1), False, "bronze 1,006 ≠ silver 1,002 + quarantine 2 + duplicates 1, 1 lost"),
        (changed(silver=1_003), False, "bronze 1,005 ≠ silver 1,003 + quarantine 2 + duplicates 1"),
        (
            changed(duplicates=0, lost=1, in_both=1, foreign=0),
            False,
            "bronze 1,005 ≠ silver 1,002 + quarantine 2 + duplicates 0, 1 lost, 1 in both silver and quarantine",
        ),
        (
            changed(lost=1, foreign=1, silver=1_003, duplicates=0),
            False,
            "bronze 1,005 = silver 1,003 + quarantine 2 + duplicates 0, 1 lost, 1 without a Bronze row",
        ),
    ],
)
def test_every_bronze_row_is_in_one_place(audit, passed, found):
    """The sum must hold and no row be out of place, and what is wrong is told; faults that even out are found, too."""
    assert reconciled(audit) == Finding("reconciled", "silver", passed, found)


@pytest.mark.parametrize(("repeated", "passed"), [(0, True), (1, False)])
def test_records_are_there_once(repeated, passed):
    """One repeated record is too many."""
    assert records_once(changed(repeated_records=repeated)).passed is passed


@pytest.mark.parametrize(("events", "ids", "passed"), [(0, 0, True), (0, 1, False), (1, 1, False)])
def test_ids_are_there_once(events, ids, passed):
    """One repeated id is too many, whether or not its times are the same."""
    assert event_id_unique(changed(repeated_events=events, repeated_ids=ids)).passed is passed


@pytest.mark.parametrize(("missing", "unexpected", "passed"), [(0, 0, True), (1, 0, False), (0, 1, False)])
def test_gold_rows_are_all_there_and_no_others(missing, unexpected, passed):
    """One row that is missing, or one too many, is wrong."""
    audit = GoldAudit(table="totals", rows=1_000, missing=missing, unexpected=unexpected)
    found = f"1,000 rows, {missing} missing, {unexpected} unexpected"
    assert gold_equals_recompute(TOTALS, audit) == Finding("equals_recompute", "gold.totals", passed, found)
