"""A topic that does not continue what Bronze has of it: each case by its own error, none in silence."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from deltalake import DeltaTable

from streaming_assets.engines.factory import make_engine
from streaming_assets.errors import (
    ClusterChanged,
    PartitionGone,
    RetentionOvertook,
    TopicChanged,
    TopicRecreated,
    TopicTruncated,
)
from streaming_assets.kafka.topics import topic_state
from streaming_assets.lake import layout
from streaming_assets.lake.losses import accepted_losses
from streaming_assets.lake.maintenance import maintain
from streaming_assets.lake.positions import read_position
from streaming_assets.lake.tables import open_or_create, open_table
from streaming_assets.layers.bronze import plan_ingest
from streaming_assets.layers.refresh import SourceRefresh

pytestmark = pytest.mark.broker


def values(count, tag=b"record"):
    """Records that fit no schema: what becomes of them after Bronze does not matter here."""
    return [{"value": b"%s-%d" % (tag, number)} for number in range(count)]


@pytest.fixture
def flow(flow_factory):
    """A source on a topic of its own."""
    return flow_factory("github_events", batch_records=100)


@pytest.fixture
def kafka(flow, kafka_of):
    """The flow's topic as others see it."""
    return kafka_of(flow)


def bronze(flow):
    return open_table(layout.bronze(flow.source), flow.settings.lake_path)


def records(flow):
    """Return Bronze's records as a plain reader of the topic tells them."""
    return Counter((row["partition"], row["offset"], row["key"], row["value"]) for row in flow.rows("bronze"))


def refresh(flow, **how):
    """Refresh, step by step."""
    engine = make_engine(flow.settings, flow.connection)
    try:
        yield from SourceRefresh(flow.source, flow.settings, engine, flow.connection, **how).run()
    finally:
        engine.close()


def refused(flow, kind, **how):
    """Refresh, which must end with an error of exactly that kind and change nothing; return the error."""
    before = flow.versions()
    with pytest.raises(TopicChanged) as caught:
        list(refresh(flow, **how))
    assert type(caught.value) is kind
    assert flow.versions() == before
    return caught.value


def anew(flow):
    """Return the command that begins anew."""
    folder = flow.settings.lake_path / flow.source.name
    return f"`mv {folder} {folder}.before && streaming-assets refresh github_events`"


def test_records_deleted_before_they_were_read_are_refused(flow, kafka):
    """Retention that overtook the position is told with offsets, the number of records and the command to go on."""
    kafka.produce(values(40))
    list(refresh(flow))
    kafka.delete_before({0: 40})  # what was read may go
    assert list(refresh(flow)) == []
    kafka.produce([*values(30), *values(5, b"kept")])
    kafka.delete_before({0: 70})

    error = refused(flow, RetentionOvertook)

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
    kafka.produce(values(40))
    list(refresh(flow))
    before = records(flow)
    kafka.produce([*values(30), *values(5, b"kept")])
    kafka.delete_before({0: 70})

    first, *_ = refresh(flow, accept_loss=True)

    (loss,) = accepted_losses(bronze(flow))
    assert (loss.partition, loss.start, loss.end, loss.records_at_most) == (0, 40, 70, 30)
    assert "deleted before they were read" in loss.why
    assert (first.records, first.accepted) == (0, (loss,))
    assert records(flow) == before + kafka.records()
    assert flow.faults() == []


def test_accepted_loss_without_newer_records_moves_the_position(flow, kafka):
    """Where nothing is left to read, an empty commit records the loss, and it is asked for only once."""
    kafka.produce(values(40))
    list(refresh(flow))
    kafka.produce(values(10))
    kafka.delete_before({0: 50})

    steps = list(refresh(flow, accept_loss=True))

    assert [(step.batch, step.records) for step in steps if hasattr(step, "position")] == [(2, 0)]
    assert read_position(bronze(flow)).next_offsets[0] == 50
    assert [(loss.start, loss.end) for loss in accepted_losses(bronze(flow))] == [(40, 50)]
    assert list(refresh(flow)) == []


def test_accepting_a_loss_where_there_is_none_changes_nothing(flow, kafka):
    """`--accept-loss` on a whole topic is a plain refresh, and records nothing."""
    kafka.produce(values(40))
    list(refresh(flow, accept_loss=True))
    assert records(flow) == kafka.records()
    assert accepted_losses(bronze(flow)) == []


def forget(flow):
    """Make a checkpoint and delete the log before it, as a table's log retention does; foreign commits come last."""
    path = str(flow.path("bronze"))
    DeltaTable(path).alter.set_table_properties({"delta.logRetentionDuration": "interval 0 days"})
    delta = DeltaTable(path)
    delta.create_checkpoint()
    delta.cleanup_metadata()
    assert bronze(flow).commit_metadata() is None


def test_losses_outlast_later_batches_maintenance_and_the_log(flow, kafka):
    """All losses that were ever accepted are still told after more batches, compaction and a cleaned log."""
    for round_number in range(2):
        kafka.produce(values(10))
        list(refresh(flow))
        kafka.produce(values(10))
        kafka.delete_before({0: -1})
        list(refresh(flow, accept_loss=True))
        kafka.produce(values(10, b"later-%d" % round_number))
        list(refresh(flow))
    expected = [(10, 20), (40, 50)]
    assert [(loss.start, loss.end) for loss in accepted_losses(bronze(flow))] == expected
    maintain(layout.bronze(flow.source), flow.settings.lake_path, retention_hours=0)
    assert [(loss.start, loss.end) for loss in accepted_losses(bronze(flow))] == expected
    forget(flow)
    assert [(loss.start, loss.end) for loss in accepted_losses(bronze(flow))] == expected


def test_loss_behind_the_last_row_outlasts_the_log(flow, kafka):
    """Where the position has to be computed from the rows, it still lies behind a loss that was accepted."""
    kafka.produce(values(10))
    list(refresh(flow))
    kafka.produce(values(10))
    kafka.delete_before({0: -1})
    list(refresh(flow, accept_loss=True))
    forget(flow)
    assert read_position(bronze(flow)).next_offsets[0] == 20
    kafka.produce(values(5))
    list(refresh(flow))
    assert flow.counts()[0] == 15


def test_loss_accepted_by_a_killed_run_is_kept(flow, kafka, monkeypatch):
    """A run that ends right after the commit that accepts a loss leaves it recorded, also once others followed."""
    kafka.produce(values(10))
    list(refresh(flow))
    kafka.produce(values(10))
    kafka.delete_before({0: -1})
    monkeypatch.setenv("STREAMING_ASSETS_FAULT", "bronze.committed=raise")
    with pytest.raises(RuntimeError, match=r"bronze\.committed"):
        list(refresh(flow, accept_loss=True))
    monkeypatch.delenv("STREAMING_ASSETS_FAULT")
    assert [(loss.start, loss.end) for loss in accepted_losses(bronze(flow))] == [(10, 20)]
    for _ in range(2):
        kafka.produce(values(10))
        list(refresh(flow))
    assert [(loss.start, loss.end) for loss in accepted_losses(bronze(flow))] == [(10, 20)]
    assert flow.counts()[0] == 30


def test_retention_that_overtakes_a_run_is_told_with_the_ways_out(flow, kafka):
    """Records deleted while a run reads end it with the same error; what was read stays, and nothing is skipped."""
    flow.settings = flow.settings.model_copy(update={"batch_bytes": 20_000})
    kafka.produce({"value": b"%d" % number + b"x" * 1_000} for number in range(3_000))
    everything = kafka.records()
    steps = refresh(flow)
    next(steps)
    kafka.delete_before({0: 2_990})
    with pytest.raises(RetentionOvertook) as caught:
        list(steps)
    read = records(flow)
    assert 0 < len(read) < 2_990
    assert read == Counter({record: 1 for record in everything if record[1] < len(read)})
    lost = 2_990 - len(read)
    assert caught.value.meaning == f"at most {lost} records are lost; what Bronze has is untouched"
    assert "`streaming-assets refresh github_events --accept-loss`" in caught.value.remedy

    list(refresh(flow, accept_loss=True))
    assert records(flow) == read + kafka.records()
    assert [loss.records_at_most for loss in accepted_losses(bronze(flow))] == [lost]


def test_recreated_topic_is_refused_and_acceptance_does_not_help(flow, kafka):
    """A topic with another id would name two records by one place, so the way out is to begin anew, word for word."""
    kafka.produce(values(40))
    list(refresh(flow))
    old = topic_state(flow.connection, flow.source.topic.name)
    kafka.recreate()
    kafka.produce(values(60, b"new"))
    new = topic_state(flow.connection, flow.source.topic.name)

    for accept_loss in (False, True):
        error = refused(flow, TopicRecreated, accept_loss=accept_loss)
        assert (error.found, error.expected) == (f"topic id {new.topic_id}", f"topic id {old.topic_id}")
        assert "its offsets would name other records than the same offsets in Bronze do" in error.meaning
        assert anew(flow) in error.remedy
        assert "--accept-loss is for records that retention deleted, and does not help here" in error.remedy


def test_place_for_the_old_tables_is_a_free_one(flow, kafka):
    """Tables that were put aside before stay where they are: the command names another place for the next ones."""
    kafka.produce(values(10))
    list(refresh(flow))
    kafka.recreate()
    folder = flow.settings.lake_path / flow.source.name
    for taken, free in (("before", "before2"), ("before2", "before3")):
        folder.with_name(f"{folder.name}.{taken}").mkdir()
        assert f"`mv {folder} {folder}.{free} && " in refused(flow, TopicRecreated).remedy


def test_last_record_that_goes_before_it_is_read_is_no_fault(flow, kafka, monkeypatch):
    """Where retention takes the record that a read begins with, and none that is new, the run goes on by itself."""
    kafka.produce(values(10))
    list(refresh(flow))
    before = records(flow)
    kafka.produce(values(10))

    def plan_and_lose(*given, **how):
        plan = plan_ingest(*given, **how)
        kafka.delete_before({0: 10})
        return plan

    monkeypatch.setattr("streaming_assets.layers.refresh.plan_ingest", plan_and_lose)
    list(refresh(flow))
    assert records(flow) == before + kafka.records()
    assert len(records(flow)) == 20


def test_recreated_topic_is_told_without_the_log(flow, kafka):
    """Where Bronze's own commits are gone from the log, the table still tells which topic it was filled from."""
    kafka.produce(values(40))
    list(refresh(flow))
    forget(flow)
    kafka.recreate()
    kafka.produce(values(60, b"new"))
    refused(flow, TopicRecreated)


def test_topic_recreated_under_a_run_is_not_mixed_into_bronze(flow, kafka):
    """A topic that is deleted and created again while it is read ends the run before a record of the new one is in."""
    flow.settings = flow.settings.model_copy(update={"batch_bytes": 20_000})
    kafka.produce({"value": b"%d" % number + b"x" * 1_000} for number in range(3_000))
    old = kafka.records()
    steps = refresh(flow)
    next(steps)
    kafka.recreate()
    kafka.produce({"value": b"new-%d" % number + b"x" * 1_000} for number in range(3_000))
    with pytest.raises(TopicRecreated) as caught:
        list(steps)
    assert anew(flow) in caught.value.remedy
    assert records(flow) - old == Counter()
    assert max(records(flow).values()) == 1


def test_topic_deleted_under_a_run_ends_it(flow, kafka):
    """A topic that is deleted while it is read ends the run with the error that says so."""
    flow.settings = flow.settings.model_copy(update={"batch_bytes": 20_000})
    kafka.produce({"value": b"%d" % number + b"x" * 1_000} for number in range(3_000))
    steps = refresh(flow)
    next(steps)
    kafka.delete()
    with pytest.raises(PartitionGone):
        list(steps)
    assert max(records(flow).values()) == 1


def test_deleted_topic_is_told_and_not_created(flow, kafka):
    """A topic that Bronze was filled from is not taken for a new one when it is gone."""
    kafka.produce(values(40))
    list(refresh(flow))
    kafka.delete()

    error = refused(flow, PartitionGone)

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
    kafka.produce(values(40))
    list(refresh(flow))
    plant(flow, next_offsets={**read_position(bronze(flow)).next_offsets, 7: 12})
    error = refused(flow, PartitionGone, accept_loss=True)
    assert error.summary == f"Topic {flow.source.topic.name} lacks a partition from which Bronze was filled."
    assert (error.found, error.expected) == ("no partition 7", "offset 12 of partition 7")
    assert anew(flow) in error.remedy


def test_other_cluster_is_refused(flow, kafka):
    """A topic of another cluster is told by the ids of both, and the address is named as what to mend."""
    kafka.produce(values(40))
    list(refresh(flow))
    cluster_id = read_position(bronze(flow)).cluster_id
    plant(flow, cluster_id="a-cluster-of-before")
    error = refused(flow, ClusterChanged, accept_loss=True)
    assert (
        error.summary == f"Topic {flow.source.topic.name} is not the one Bronze was filled from: it lies in "
        "another Kafka cluster."
    )
    assert (error.found, error.expected) == (f"cluster {cluster_id}", "cluster a-cluster-of-before")
    assert "STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS" in error.remedy
    assert anew(flow) in error.remedy


@pytest.mark.long
def test_topic_restored_from_a_backup_is_truncated(own_broker, flow_factory, kafka_of, tmp_path):
    """A broker that came back from an older backup lacks records that Bronze has, which no refresh takes for no lag."""
    flow = flow_factory("github_events", own_broker.connection)
    kafka = kafka_of(flow)
    kafka.produce(values(50))
    own_broker.stop()
    own_broker.save(tmp_path / "backup")
    own_broker.start()
    kafka.produce(values(30))
    list(refresh(flow))
    own_broker.stop()
    own_broker.restore(tmp_path / "backup")
    own_broker.start()

    error = refused(flow, TopicTruncated, accept_loss=True)

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
    kafka.produce(values(50))
    own_broker.stop()
    own_broker.save(tmp_path / "backup")
    own_broker.start()
    kafka.produce(values(30))
    list(refresh(flow))
    own_broker.stop()
    own_broker.restore(tmp_path / "backup")
    own_broker.start()
    kafka.produce(values(60, b"other"))

    error = refused(flow, TopicTruncated, accept_loss=True)

    assert error.summary == f"Topic {flow.source.topic.name} has another record in a place that Bronze has read."
    assert error.found == "another record at offset 79 of partition 0"
    assert anew(flow) in error.remedy


def test_other_record_in_the_last_place_is_refused(flow, kafka):
    """A record that is not the one Bronze has in its place is refused, with the way to begin anew."""
    kafka.produce(values(40))
    list(refresh(flow))
    plant(flow, last={0: (39, "another")})
    kafka.produce(values(10))
    error = refused(flow, TopicTruncated)
    assert error.found == "another record at offset 39 of partition 0"
    assert "which of those were missed can't be told" in error.meaning
    assert anew(flow) in error.remedy


def test_last_record_may_be_deleted(flow, kafka):
    """Where retention took the last record that Bronze has, and no other, reading goes on."""
    kafka.produce(values(40))
    list(refresh(flow))
    before = records(flow)
    kafka.delete_before({0: 40})
    kafka.produce(values(10))
    list(refresh(flow))
    assert records(flow) == before + kafka.records()


def test_added_partitions_are_read_from_their_beginning(flow, kafka):
    """Partitions that a topic gets later are read whole, those before go on."""
    kafka.produce(values(40))
    list(refresh(flow))
    kafka.add_partitions(6)
    kafka.produce([*values(10), *({"value": b"new", "partition": 5, "key": b"k"} for _ in range(10))])
    list(refresh(flow))
    assert records(flow) == kafka.records()


def test_added_partition_whose_records_are_gone_is_refused(flow, kafka):
    """What was deleted from a partition before it was ever seen is a loss like any other, and can be accepted."""
    kafka.produce(values(40))
    list(refresh(flow))
    before = records(flow)
    kafka.add_partitions(6)
    kafka.produce({"value": b"%d" % number, "partition": 5} for number in range(10))
    kafka.delete_before({5: 8})
    error = refused(flow, RetentionOvertook)
    assert (error.found, error.expected) == ("partition 5 begins at offset 8", "offset 0 of partition 5")
    list(refresh(flow, accept_loss=True))
    assert records(flow) - before == Counter({(5, 8, None, b"8"): 1, (5, 9, None, b"9"): 1})
    assert [(loss.partition, loss.start, loss.end) for loss in accepted_losses(bronze(flow))] == [(5, 0, 8)]


def test_topic_never_read_begins_with_what_it_holds(flow, kafka):
    """Where Bronze has nothing yet, records that are gone were never promised."""
    kafka.produce(values(40))
    kafka.delete_before({0: 30})
    list(refresh(flow))
    assert records(flow) == kafka.records()
    assert accepted_losses(bronze(flow)) == []
