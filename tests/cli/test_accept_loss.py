"""`refresh --accept-loss` as a person and as a program have it."""

from __future__ import annotations

import json

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from streaming_assets.contract import Event
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.topics import ensure_topic
from streaming_assets.registry import load_sources

pytestmark = pytest.mark.broker


@pytest.fixture
def topic(broker):
    """The topic of `github_events`, with one record."""
    topic = load_sources().get("github_events").topic
    ensure_topic(broker, topic)
    publish(broker, topic, 1)
    return topic


def publish(broker, topic, count):
    with Publisher(broker, topic) as publisher:
        publisher.publish(Event(value=b"rubbish", key=b"k") for _ in range(count))


def delete_everything(broker, topic):
    admin = AdminClient(broker.client_config())
    places = [TopicPartition(topic.name, partition, -1) for partition in range(topic.partitions)]
    for deleted in admin.delete_records(places).values():
        deleted.result(30)


@pytest.mark.long
def test_the_command_that_an_error_names_goes_on(broker, command_line, topic):
    """A refused refresh names the command, which goes on, says what is lost, and tells it to programs, too."""
    command_line.ok("refresh", "github_events")
    publish(broker, topic, 5)
    delete_everything(broker, topic)

    told = command_line.fails("refresh", "github_events")
    assert told.startswith("RetentionOvertook Topic logs_raw no longer has the records that come next")
    command = "streaming-assets refresh github_events --accept-loss"
    assert f"`{command}`" in told

    done = command_line.run(*command.split()[1:])
    assert done.returncode == 0, done.stderr
    assert "github_events: loss of at most 5 records is accepted and recorded in Bronze" in done.stderr

    publish(broker, topic, 2)
    delete_everything(broker, topic)
    (summary,) = json.loads(command_line.ok(*command.split()[1:], "--json"))
    (loss,) = summary["accepted_loss"]
    assert (loss["to"] - loss["from"], loss["records_at_most"]) == (2, 2)
    assert summary["error"] is None
