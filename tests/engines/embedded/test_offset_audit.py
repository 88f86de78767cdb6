"""Which offsets are in Bronze, and how often."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

BLOCK = 65_536


@pytest.fixture
def filled(make_lab):
    """Makes a lab whose Bronze has offsets of one partition, in two batches."""

    def make(offsets, partition=0):
        lab = make_lab()
        records = [lab.record(b"x", partition=partition, offset=offset) for offset in offsets]
        lab.bronze(*records[::2])
        lab.bronze(*records[1::2])
        return lab

    return make


def audit(lab, spans):
    return lab.engine.audit_offsets(lab.source, spans)


def gaps(found):
    return {partition: [tuple(each) for each in some.tolist()] for partition, some in found.gaps.items()}


@pytest.mark.parametrize("start", [0, 7, BLOCK - 3, BLOCK, 1_000_000, 2**53])
def test_offsets_without_a_gap(filled, start):
    """A range of which Bronze has every offset once has no gap, wherever it begins."""
    found = audit(filled(range(start, start + 6)), {0: (start, start + 6)})
    assert (found.records, found.repeated, found.outside, gaps(found)) == (6, 0, 0, {0: []})
    assert found.examples == ()


@pytest.mark.parametrize(
    ("offsets", "span", "expected"),
    [
        ([1, 2, 5], (0, 7), [(0, 1), (3, 5), (6, 7)]),
        ([], (3, 9), [(3, 9)]),
        ([BLOCK - 1, BLOCK + 1], (BLOCK - 2, BLOCK + 2), [(BLOCK - 2, BLOCK - 1), (BLOCK, BLOCK + 1)]),
        ([0, 3 * BLOCK], (0, 3 * BLOCK + 1), [(1, 3 * BLOCK)]),
        ([5 * BLOCK], (5, 5 * BLOCK + 1), [(5, 5 * BLOCK)]),
        ([10], (10, 2 * BLOCK), [(11, 2 * BLOCK)]),
        ([10], (10, 10), []),
    ],
)
def test_gaps_are_found(filled, offsets, span, expected):
    """What is missing is found at the start, in the middle and at the end of a range, and across blocks."""
    found = audit(filled(offsets), {0: span})
    assert gaps(found) == {0: expected}


def test_a_full_block_has_no_gap(filled):
    """A block of which every offset is there, and the last one before it, have none."""
    found = audit(filled(range(BLOCK - 1, 2 * BLOCK)), {0: (BLOCK - 1, 2 * BLOCK)})
    assert (found.records, gaps(found)) == (BLOCK + 1, {0: []})


def test_each_partition_has_its_range(filled):
    """A gap of one partition is not filled by the same offset of another, and an unknown partition is outside."""
    lab = filled([0, 1], partition=3)
    found = audit(lab, {3: (0, 2), 4: (0, 2)})
    assert (found.records, found.outside, gaps(found)) == (2, 0, {3: [], 4: [(0, 2)]})
    assert audit(lab, {4: (0, 2)}).outside == 2


def test_a_repeated_record_is_found_where_another_is_missing(filled):
    """A record that is there twice is told even where the number of rows is right."""
    lab = filled([0, 1, 3])
    lab.plant("bronze", lab.rows("bronze")[1:2])
    found = audit(lab, {0: (0, 4)})
    assert (found.records, found.repeated, gaps(found)) == (4, 1, {0: [(2, 3)]})
    assert found.examples == ("more than once: partition 0, offset 1",)


@pytest.mark.parametrize(("column", "value"), [("offset", -1), ("offset", 2), ("partition", 1), ("topic", "other")])
def test_a_row_outside_of_the_range_is_found(filled, column, value):
    """A row before the start, at the position, of another partition or of another topic is outside."""
    lab = filled([0, 1])
    first, *_ = lab.rows("bronze")
    lab.plant("bronze", [{**first, column: value}])
    found = audit(lab, {0: (0, 2)})
    assert (found.records, found.outside, gaps(found)) == (2, 1, {0: []})
    assert len(found.examples) == 1


def test_the_topic_is_that_of_the_rows(filled, make_lab):
    """Rows are of the topic that Bronze was filled from, also where the source names another one by now."""
    lab = filled([0, 1, 2])
    source = lab.source
    renamed = make_lab(replace(source, topic=replace(source.topic, name="shop-renamed")))
    found = audit(renamed, {0: (0, 4)})
    assert (found.topic, found.records, found.outside, gaps(found)) == ("shop-events", 3, 0, {0: [(3, 4)]})
    lab.plant("bronze", [{**lab.rows("bronze")[0], "topic": "shop-renamed", "offset": 3}])
    found = audit(renamed, {0: (0, 4)})
    assert (found.topic, found.records, found.outside, gaps(found)) == ("shop-events", 3, 1, {0: [(3, 4)]})
    assert audit(make_lab(home=lab.settings.home / "empty"), {}).topic is None


@pytest.mark.parametrize("day", ["2020-01-01", "2026-02-28", "2026-03-02"])
def test_a_row_in_the_partition_of_another_day_is_found(filled, day):
    """A row that Bronze has under another day than that of its ingestion is misplaced, where it is in the range."""
    lab = filled([0, 1, 2])
    lab.open("bronze")._delta.update(updates={"ingested_date": f"date '{day}'"}, predicate='"offset" = 1')
    found = audit(lab, {0: (0, 3)})
    assert (found.records, found.misplaced, found.outside, gaps(found)) == (3, 1, 0, {0: []})
    assert found.examples == ("in the partition of another day: partition 0, offset 1",)
    assert audit(lab, {0: (2, 3)}).misplaced == 0


def test_rows_near_midnight_are_in_the_partition_of_their_day(filled):
    """Records read in the last and first microsecond of a day are right, each under its day, also once merged."""
    lab = filled([0, 1])
    first, *_ = lab.rows("bronze")
    midnight = lab.noon.replace(hour=0)
    before = midnight - timedelta(microseconds=1)
    times = {2: before, 3: midnight, 4: midnight + timedelta(microseconds=1)}
    for offset, at in times.items():
        lab.plant("bronze", [{**first, "offset": offset, "ingested_at": at, "ingested_date": at.date()}])
    assert audit(lab, {0: (0, 5)}).misplaced == 0
    lab.open("bronze").compact(metadata={})
    found = audit(lab, {0: (0, 5)})
    assert (found.records, found.misplaced, gaps(found)) == (5, 0, {0: []})


def test_nothing_is_no_gap(make_lab):
    """Before the first refresh there is nothing to find."""
    found = audit(make_lab(), {})
    assert (found.records, found.repeated, found.outside, found.gaps) == (0, 0, 0, {})
