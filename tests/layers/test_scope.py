"""Which batches and offsets are verified."""

from __future__ import annotations

from datetime import timedelta

import pytest
from deltalake import DeltaTable

from streaming_assets.engines.audits import Scope
from streaming_assets.lake.positions import Position, read_position
from streaming_assets.lake.schemas import BRONZE
from streaming_assets.layers.scope import Choice, committed, scope_of, widened


@pytest.fixture
def lab(make_lab):
    """A lab whose three batches were ingested one, two and three seconds after noon; offsets 0 to 5."""
    lab = make_lab()
    for _ in range(3):
        lab.bronze(b"x", b"y")
    return lab


def chosen(lab, since=None, until=None):
    moments = {"since": since, "until": until}
    times = {name: lab.noon + timedelta(seconds=value) for name, value in moments.items() if value is not None}
    return scope_of(lab.open("bronze"), Choice(**times))


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, None, Scope()),
        (2, None, Scope(after=1, upto=3)),
        (2.001, None, Scope(after=2, upto=3)),
        (None, 2, Scope(after=0, upto=1)),
        (None, 2.001, Scope(after=0, upto=2)),
        (1.5, 2.5, Scope(after=1, upto=2)),
        (0, 99, Scope(after=0, upto=3)),
    ],
)
def test_a_time_is_a_range_of_batches(lab, since, until, expected):
    """A time chooses the batches that were ingested from its start up to, not including, its end."""
    assert chosen(lab, since, until) == expected


@pytest.mark.parametrize(("since", "until"), [(4, None), (None, 1), (1.2, 1.8), (3, 2)])
def test_a_time_without_a_batch_is_none(lab, since, until):
    """Where nothing was ingested in the time, no batch is chosen."""
    assert chosen(lab, since, until) == Scope(after=3, upto=3)


def spans(lab, scope=None):
    bronze = lab.open("bronze")
    return committed(bronze, read_position(bronze), scope or Scope())


def test_everything_reaches_from_the_first_row_to_the_position(lab):
    """Where no commit tells where Bronze was filled from, that is its first row; the end is the position."""
    assert spans(lab) == {0: (0, 6)}


def test_everything_begins_where_bronze_was_filled_from(lab):
    """The recorded start holds, also where rows before or behind it are missing."""
    position = Position({0: 9, 1: 4}, "cluster", "topic", {0: 0, 1: 4})
    lab.open("bronze").append(BRONZE.empty_table(), batch=4, metadata=position.metadata())
    lab.delete("bronze", '"offset" < 2')
    assert spans(lab) == {0: (0, 9), 1: (4, 4)}


def test_batches_reach_from_one_recorded_position_to_another(lab):
    """The offsets of some batches lie between the positions that the commits before and at their end recorded."""
    lab.delete("bronze", '"offset" IN (2, 3)')
    assert spans(lab, Scope(after=1, upto=2)) == {0: (2, 4)}
    assert spans(lab, Scope(after=0, upto=2)) == {0: (0, 4)}
    assert spans(lab, Scope(after=3, upto=3)) == {0: (6, 6)}


def test_batches_begin_where_a_partition_was_filled_from(lab):
    """The first offsets of a partition belong to the batches that brought them, whether their rows are there or not."""
    position = Position({0: 6, 1: 9}, "cluster", "topic", {0: 0, 1: 7})
    lab.open("bronze").append(BRONZE.empty_table(), batch=4, metadata=position.metadata())
    lab.delete("bronze", '"offset" = 0')
    assert spans(lab, Scope(after=0, upto=2)) == {0: (0, 4)}
    assert spans(lab, Scope(after=2, upto=3)) == {0: (4, 6)}
    assert spans(lab, Scope(after=3, upto=4)) == {0: (6, 6), 1: (7, 9)}


def test_batches_that_the_log_forgot_reach_as_far_as_their_rows(lab):
    """Where the log no longer tells, the offsets of some batches are those of their rows."""
    table = lab.open("bronze")
    delta = DeltaTable(str(table.path))
    delta.alter.set_table_properties({"delta.logRetentionDuration": "interval 0 days"})
    delta = DeltaTable(str(table.path))
    delta.create_checkpoint()
    delta.cleanup_metadata()
    assert spans(lab, Scope(after=1, upto=2)) == {0: (2, 4)}


def test_what_is_left_out_is_told(lab):
    """Times, the sample and the comparison of bytes are told where they are not all there is."""
    assert Choice(deep=True).left_out() == []
    assert len(Choice(since=lab.noon, until=lab.noon, share=0.25).left_out()) == 4
    assert "all but 25% " in Choice(share=0.25, deep=True).left_out()[0]
    assert "all but 0.0001% " in Choice(share=0.000001, deep=True).left_out()[0]
    assert Choice(since=lab.noon.replace(microsecond=5), deep=True).left_out() == [
        "what was ingested before 2026-03-01T12:00:00+00:00"
    ]


def test_a_sample_has_rows():
    """A sample of few rows is widened to about a hundred of them, and never narrowed."""
    assert widened(Scope(share=0.001), 1_000).share == 0.1
    assert widened(Scope(share=0.001), 50).share == 1
    assert widened(Scope(share=0.5), 1_000).share == 0.5
    assert widened(Scope(share=0.001), 10_000_000).share == 0.001
