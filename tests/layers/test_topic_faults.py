"""A topic that does not continue what Bronze has of it: each case by its own error, none in silence."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from streaming_assets.errors import (
    ClusterChanged,
    PartitionGone,
    TopicRecreated,
    TopicTruncated,
)
from streaming_assets.kafka.topics import topic_state
from streaming_assets.lake import layout
from streaming_assets.lake.losses import accepted_losses
from streaming_assets.lake.opening import open_or_create
from streaming_assets.lake.positions import read_position
from streaming_assets.layers.bronze import plan_ingest

pytestmark = pytest.mark.broker


@pytest.fixture
def flow(flow_factory):
    """A source on a topic of its own."""
    return flow_factory("github_events", batch_records=100)


def anew(flow):
    """Return the command that begins anew."""
    folder = flow.settings.lake_path / flow.source.name
    return f"`mv {folder} {folder}.before && streaming-assets refresh github_events`"


def test_recreated_topic_is_refused_and_acceptance_does_not_help(flow, kafka):
    """A topic with another id would name two records by one place, so the way out is to begin anew, word for word."""
    kafka.fill(40)
    flow.refresh()
    old = topic_state(flow.connection, flow.source.topic.name)
    kafka.recreate()
    kafka.fill(60, b"new")
    new = topic_state(flow.connection, flow.source.topic.name)

    for accept_loss in (False, True):
        error = flow.refused(TopicRecreated, accept_loss=accept_loss)
        assert (error.found, error.expected) == (f"topic id {new.topic_id}", f"topic id {old.topic_id}")
        assert "its offsets would name other records than the same offsets in Bronze do" in error.meaning
        assert anew(flow) in error.remedy
        assert "--accept-loss is for records that retention deleted, and does not help here" in error.remedy


def test_place_for_the_old_tables_is_a_free_one(flow, kafka):
    """Tables that were put aside before stay where they are: the command names another place for the next ones."""
    kafka.fill(10)
    flow.refresh()
    kafka.recreate()
    folder = flow.settings.lake_path / flow.source.name
    for taken, free in (("before", "before-2"), ("before-2", "before-3")):
        folder.with_name(f"{folder.name}.{taken}").mkdir()
        assert f"`mv {folder} {folder}.{free} && " in flow.refused(TopicRecreated).remedy


def test_last_record_that_goes_before_it_is_read_is_no_fault(flow, kafka, monkeypatch):
    """Where retention takes the record that a read begins with, and none that is new, the run goes on by itself."""
    kafka.fill(10)
    flow.refresh()
    before = flow.records()
    kafka.fill(10)

    def plan_and_lose(*given, **how):
        plan = plan_ingest(*given, **how)
        kafka.delete_before({0: 10})
        return plan

    monkeypatch.setattr("streaming_assets.layers.refresh.plan_ingest", plan_and_lose)
    flow.refresh()
    assert flow.records() == before + kafka.records()
    assert len(flow.records()) == 20


def test_recreated_topic_is_told_without_the_log(flow, kafka):
    """Where Bronze's own commits are gone from the log, the table still tells which topic it was filled from."""
    kafka.fill(40)
    flow.refresh()
    flow.forget_log()
    kafka.recreate()
    kafka.fill(60, b"new")
    flow.refused(TopicRecreated)


def test_topic_recreated_under_a_run_is_not_mixed_into_bronze(flow, kafka):
    """A topic that is deleted and created again while it is read ends the run before a record of the new one is in."""
    flow.settings = flow.settings.model_copy(update={"batch_bytes": 20_000})
    kafka.produce({"value": b"%d" % number + b"x" * 1_000} for number in range(3_000))
    old = kafka.records()
    steps = flow.steps()
    next(steps)
    kafka.recreate()
    kafka.produce({"value": b"new-%d" % number + b"x" * 1_000} for number in range(3_000))
    with pytest.raises(TopicRecreated) as caught:
        list(steps)
    assert anew(flow) in caught.value.remedy
    assert flow.records() - old == Counter()
    assert max(flow.records().values()) == 1


def test_topic_deleted_under_a_run_ends_it(flow, kafka):
    """A topic that is deleted while it is read ends the run with the error that says so."""
    flow.settings = flow.settings.model_copy(update={"batch_bytes": 20_000})
    kafka.produce({"value": b"%d" % number + b"x" * 1_000} for number in range(3_000))
    steps = flow.steps()
    next(steps)
    kafka.delete()
    with pytest.raises(PartitionGone):
        list(steps)
    assert max(flow.records().values()) == 1


def test_deleted_topic_is_told_and_not_created(flow, kafka):
    """A topic that Bronze was filled from is not taken for a new one when it is gone."""
    kafka.fill(40)
    flow.refresh()
    kafka.delete()

    error = flow.refused(PartitionGone)

    assert error.summary == f"Topic {flow.source.topic.name}, from which Bronze was filled, is gone."
    assert anew(flow) in error.remedy
    assert topic_state(flow.connection, flow.source.topic.name) is None


def plant(flow, **position):
    """Let Bronze's newest commit record another position than it has."""
    table = open_or_create(flow.source, layout.bronze(flow.source), flow.settings.lake_path)
    planted = replace(read_position(table), **position)
    table.append(table.arrow_schema().empty_table(), batch=table.batch + 1, metadata=planted.metadata())


def test_lacking_partition_is_refused(flow, kafka):
    """A partition that Bronze was filled from and that the topic lacks is named with its next offset."""
    kafka.fill(40)
    flow.refresh()
    plant(flow, next_offsets={**read_position(flow.bronze()).next_offsets, 7: 12})
    error = flow.refused(PartitionGone, accept_loss=True)
    assert error.summary == f"Topic {flow.source.topic.name} lacks a partition from which Bronze was filled."
    assert (error.found, error.expected) == ("no partition 7", "offset 12 of partition 7")
    assert anew(flow) in error.remedy


def test_other_cluster_is_refused(flow, kafka):
    """A topic of another cluster is told by the ids of both, and the address is named as what to mend."""
    kafka.fill(40)
    flow.refresh()
    cluster_id = read_position(flow.bronze()).cluster_id
    plant(flow, cluster_id="a-cluster-of-before")
    error = flow.refused(ClusterChanged, accept_loss=True)
    assert (
        error.summary == f"Topic {flow.source.topic.name} is not the one Bronze was filled from: it lies in "
        "another Kafka cluster."
    )
    assert (error.found, error.expected) == (f"cluster {cluster_id}", "cluster a-cluster-of-before")
    assert "STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS" in error.remedy
    assert anew(flow) in error.remedy


def refresh_and_restore(own_broker, flow, kafka, backup):
    """Refresh 80 records, and bring the broker back to a backup that has 50 of them."""
    kafka.fill(50)
    own_broker.stop()
    own_broker.save(backup)
    own_broker.start()
    kafka.fill(30)
    flow.refresh()
    own_broker.stop()
    own_broker.restore(backup)
    own_broker.start()


@pytest.mark.long
def test_topic_restored_from_a_backup_is_truncated(own_broker, flow_factory, kafka_of, tmp_path):
    """A broker that came back from an older backup lacks records that Bronze has, which no refresh takes for no lag."""
    flow = flow_factory("github_events", own_broker.connection)
    kafka = kafka_of(flow)
    refresh_and_restore(own_broker, flow, kafka, tmp_path / "backup")

    error = flow.refused(TopicTruncated, accept_loss=True)

    assert error.summary == f"Topic {flow.source.topic.name} ends before the records that Bronze has of it."
    assert (error.found, error.expected) == ("partition 0 ends at offset 50", "offset 80 of partition 0")
    assert (
        error.meaning == "Kafka lost 30 offsets that Bronze has, and will give them to other records; "
        "what Bronze has is untouched"
    )
    assert anew(flow) in error.remedy


@pytest.mark.long
def test_topic_that_lost_records_and_got_as_many_others_is_truncated(own_broker, flow_factory, kafka_of, tmp_path):
    """Where others have the offsets of lost records already, the last record that Bronze has gives it away."""
    flow = flow_factory("github_events", own_broker.connection)
    kafka = kafka_of(flow)
    refresh_and_restore(own_broker, flow, kafka, tmp_path / "backup")
    kafka.fill(60, b"other")

    error = flow.refused(TopicTruncated, accept_loss=True)

    assert error.summary == f"Topic {flow.source.topic.name} has another record in a place that Bronze has read."
    assert error.found == "another record at offset 79 of partition 0"
    assert anew(flow) in error.remedy


def test_other_record_in_the_last_place_is_refused(flow, kafka):
    """A record that is not the one Bronze has in its place is refused, with the way to begin anew."""
    kafka.fill(40)
    flow.refresh()
    plant(flow, last={0: (39, "another")})
    kafka.fill(10)
    error = flow.refused(TopicTruncated)
    assert error.found == "another record at offset 39 of partition 0"
    assert "which of those were missed can't be told" in error.meaning
    assert anew(flow) in error.remedy


def test_last_record_may_be_deleted(flow, kafka):
    """Where retention took the last record that Bronze has, and no other, reading goes on."""
    kafka.fill(40)
    flow.refresh()
    before = flow.records()
    kafka.delete_before({0: 40})
    kafka.fill(10)
    flow.refresh()
    assert flow.records() == before + kafka.records()


def test_added_partitions_are_read_from_their_beginning(flow, kafka):
    """Partitions that a topic gets later are read whole, those before go on."""
    kafka.fill(40)
    flow.refresh()
    kafka.add_partitions(6)
    kafka.fill(10)
    kafka.produce({"value": b"new", "partition": 5, "key": b"k"} for _ in range(10))
    flow.refresh()
    assert flow.records() == kafka.records()


def test_topic_never_read_begins_with_what_it_holds(flow, kafka):
    """Where Bronze has nothing yet, records that are gone were never promised."""
    kafka.fill(40)
    kafka.delete_before({0: 30})
    flow.refresh()
    assert flow.records() == kafka.records()
    assert accepted_losses(flow.bronze()) == []
