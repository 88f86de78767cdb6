"""Records that Kafka deleted before they were read: refused, or accepted as lost by a person and recorded for good."""

from __future__ import annotations

from collections import Counter

import pytest

from streaming_assets.engines.factory import make_engine
from streaming_assets.engines.protocol import Rebuilt
from streaming_assets.errors import RetentionOvertook
from streaming_assets.lake import layout
from streaming_assets.lake.losses import accepted_losses
from streaming_assets.lake.maintenance import MERGE_FROM, maintain_source
from streaming_assets.lake.positions import read_position
from streaming_assets.layers.scope import Choice
from streaming_assets.layers.verify import verify

pytestmark = pytest.mark.broker


@pytest.fixture
def flow(flow_factory):
    """A source on a topic of its own."""
    return flow_factory("github_events", batch_records=100)


def test_records_deleted_before_they_were_read_are_refused(flow, kafka):
    """Retention that overtook the position is told with offsets, the number of records and the command to go on."""
    kafka.fill(40)
    flow.refresh()
    kafka.delete_before({0: 40})  # what was read may go
    assert flow.refresh() == []
    kafka.fill(30)
    kafka.fill(5, b"kept")
    kafka.delete_before({0: 70})

    error = flow.refused(RetentionOvertook)

    topic = flow.source.topic.name
    assert (
        error.summary == f"Topic {topic} no longer has the records that come next: they were deleted before they "
        "were read."
    )
    assert (error.found, error.expected) == ("partition 0 begins at offset 70", "offset 40 of partition 0")
    assert error.meaning == "at most 30 records are lost; what Bronze has is untouched"
    assert "`streaming-assets refresh github_events --accept-loss`" in error.remedy


def test_accepted_loss_is_gone_on_after(flow, kafka):
    """With the loss accepted, Bronze has all that is left, what was read before, and the range that is lost."""
    kafka.fill(40)
    flow.refresh()
    before = flow.records()
    kafka.fill(30)
    kafka.fill(5, b"kept")
    kafka.delete_before({0: 70})

    first, *_ = flow.steps(accept_loss=True)

    (loss,) = accepted_losses(flow.bronze())
    assert (loss.partition, loss.start, loss.end, loss.records_at_most) == (0, 40, 70, 30)
    assert "deleted before they were read" in loss.why
    assert (first.records, first.accepted) == (0, (loss,))
    assert flow.records() == before + kafka.records()
    assert flow.faults() == []


def test_accepted_loss_without_newer_records_moves_the_position(flow, kafka):
    """Where nothing is left to read, an empty commit records the loss, and it is asked for only once."""
    kafka.fill(40)
    flow.refresh()
    kafka.fill(10)
    kafka.delete_before({0: 50})

    steps = flow.refresh(accept_loss=True)

    assert [(step.batch, step.records) for step in steps if hasattr(step, "position")] == [(2, 0)]
    assert read_position(flow.bronze()).next_offsets[0] == 50
    assert [(loss.start, loss.end) for loss in accepted_losses(flow.bronze())] == [(40, 50)]
    assert flow.refresh() == []


def test_accepting_a_loss_where_there_is_none_changes_nothing(flow, kafka):
    """`--accept-loss` on a whole topic is a plain refresh, and records nothing."""
    kafka.fill(40)
    flow.refresh(accept_loss=True)
    assert flow.records() == kafka.records()
    assert accepted_losses(flow.bronze()) == []


def test_losses_outlast_later_batches_maintenance_and_the_log(flow, kafka):
    """All losses that were ever accepted are still told after more batches, compaction and a cleaned log."""
    for round_number in range(2):
        kafka.fill(10)
        flow.refresh()
        kafka.fill(10)
        kafka.delete_before({0: -1})
        flow.refresh(accept_loss=True)
        kafka.fill(10, b"later-%d" % round_number)
        flow.refresh()
    expected = [(10, 20), (40, 50)]
    assert [(loss.start, loss.end) for loss in accepted_losses(flow.bronze())] == expected
    how = {"retention_hours": 0, "lock_timeout": 0, "min_files": MERGE_FROM}
    (outcome,) = maintain_source([layout.bronze(flow.source)], flow.settings.home, flow.settings.lake_path, **how)
    assert outcome.error is None
    assert [(loss.start, loss.end) for loss in accepted_losses(flow.bronze())] == expected
    flow.forget_log()
    assert [(loss.start, loss.end) for loss in accepted_losses(flow.bronze())] == expected


def test_loss_behind_the_last_row_outlasts_the_log(flow, kafka):
    """Where the position has to be computed from the rows, it still lies behind a loss that was accepted."""
    kafka.fill(10)
    flow.refresh()
    kafka.fill(10)
    kafka.delete_before({0: -1})
    flow.refresh(accept_loss=True)
    flow.forget_log()
    assert read_position(flow.bronze()).next_offsets[0] == 20
    kafka.fill(5)
    flow.refresh()
    assert flow.counts()[0] == 15


def test_loss_accepted_by_a_killed_run_is_kept(flow, kafka, monkeypatch):
    """A run that ends right after the commit that accepts a loss leaves it recorded, also once others followed."""
    kafka.fill(10)
    flow.refresh()
    kafka.fill(10)
    kafka.delete_before({0: -1})
    monkeypatch.setenv("STREAMING_ASSETS_FAULT", "bronze.committed=raise")
    with pytest.raises(RuntimeError, match=r"bronze\.committed"):
        flow.refresh(accept_loss=True)
    monkeypatch.delenv("STREAMING_ASSETS_FAULT")
    assert [(loss.start, loss.end) for loss in accepted_losses(flow.bronze())] == [(10, 20)]
    for _ in range(2):
        kafka.fill(10)
        flow.refresh()
    assert [(loss.start, loss.end) for loss in accepted_losses(flow.bronze())] == [(10, 20)]
    assert flow.counts()[0] == 30


def test_retention_that_overtakes_a_run_is_told_with_the_ways_out(flow, kafka):
    """Records deleted while a run reads end it with the same error; what was read stays, and nothing is skipped."""
    flow.settings = flow.settings.model_copy(update={"batch_bytes": 20_000})
    kafka.produce({"value": b"%d" % number + b"x" * 1_000} for number in range(3_000))
    everything = kafka.records()
    steps = flow.steps()
    next(steps)
    kafka.delete_before({0: 2_990})
    with pytest.raises(RetentionOvertook) as caught:
        list(steps)
    read = flow.records()
    assert 0 < len(read) < 2_990
    assert read == Counter({record: 1 for record in everything if record[1] < len(read)})
    lost = 2_990 - len(read)
    assert caught.value.meaning == f"at most {lost} records are lost; what Bronze has is untouched"
    assert "`streaming-assets refresh github_events --accept-loss`" in caught.value.remedy

    flow.refresh(accept_loss=True)
    assert flow.records() == read + kafka.records()
    assert [loss.records_at_most for loss in accepted_losses(flow.bronze())] == [lost]


def test_added_partition_whose_records_are_gone_is_refused(flow, kafka):
    """What was deleted from a partition before it was ever seen is a loss like any other, and can be accepted."""
    kafka.fill(40)
    flow.refresh()
    before = flow.records()
    kafka.add_partitions(6)
    kafka.produce({"value": b"%d" % number, "partition": 5} for number in range(10))
    kafka.delete_before({5: 8})
    error = flow.refused(RetentionOvertook)
    assert (error.found, error.expected) == ("partition 5 begins at offset 8", "offset 0 of partition 5")
    flow.refresh(accept_loss=True)
    assert flow.records() - before == Counter({(5, 8, None, b"8"): 1, (5, 9, None, b"9"): 1})
    assert [(loss.partition, loss.start, loss.end) for loss in accepted_losses(flow.bronze())] == [(5, 0, 8)]


def test_an_accepted_loss_outlasts_a_rebuild(flow, kafka):
    """After a rebuild of Silver, `verify --deep` compares what Kafka still has, and tells the loss as accepted."""
    kafka.fill(40)
    flow.refresh()
    kafka.fill(30)
    kafka.fill(5, b"kept")
    kafka.delete_before({0: 70})
    flow.refresh(accept_loss=True)
    steps = flow.refresh(rebuild="silver")
    assert [step.quarantined for step in steps if isinstance(step, Rebuilt)] == [45]

    engine = make_engine(flow.settings, None)
    found = list(verify(flow.source, engine, flow.connection, choice=Choice(deep=True)))
    engine.close()

    assert [finding.check for finding in found if not finding.passed] == []
    told = {finding.check: finding for finding in found}
    assert (told["offsets"].numbers["accepted"], told["offsets"].numbers["lost"]) == (30, 0)
    assert any("30 accepted as lost" in note for note in told["offsets"].notes)
    assert told["same_bytes"].numbers == {"compared": 5, "differing": 0}
    assert flow.refresh() == []
