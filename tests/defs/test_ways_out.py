"""Decisions that a person takes on a source, as config of a run of Bronze."""

from __future__ import annotations

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from deltalake import DeltaTable

pytestmark = pytest.mark.broker


def decide(lab, **wishes: bool):
    """Refresh everything, with wishes for Bronze."""
    ops = {f"{lab.source.name}__bronze": {"config": wishes}}
    return lab._execute("refresh", run_config={"ops": ops})


def test_foreign_writes_are_taken_back(lab, interaction):
    """A run stops at what others did to Silver; one of Bronze that is told so takes it back first."""
    lab.publish(*map(interaction, range(5)))
    assert lab.refresh().success
    DeltaTable(lab.lake / "silver").delete("event_id = 'e3'")
    lab.publish(interaction(5))
    assert not lab.refresh().success
    assert decide(lab, undo_foreign_writes=True).success
    events = DeltaTable(lab.lake / "silver").to_pyarrow_table(columns=["event_id"])["event_id"].to_pylist()
    assert sorted(events) == [f"e{number}" for number in range(6)]


def test_losses_are_accepted(lab, interaction):
    """A run stops where Kafka deleted records unread; one of Bronze that is told so records the loss and goes on."""
    lab.publish(*map(interaction, range(5)))
    assert lab.refresh().success
    lab.publish(*map(interaction, range(5, 9)))
    admin = AdminClient({"bootstrap.servers": lab.settings.kafka_bootstrap_servers})
    topic = lab.source.topic
    ends = [TopicPartition(topic.name, partition, -1) for partition in range(topic.partitions)]
    for done in admin.delete_records(ends).values():
        done.result()
    lab.publish(interaction(9))
    assert not lab.refresh().success
    assert decide(lab, accept_loss=True).success
    events = DeltaTable(lab.lake / "silver").to_pyarrow_table(columns=["event_id"])["event_id"].to_pylist()
    assert sorted(events) == [f"e{number}" for number in (0, 1, 2, 3, 4, 9)]
