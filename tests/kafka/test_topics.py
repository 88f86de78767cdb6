import time
from datetime import timedelta

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from streaming_assets.contract import Topic
from streaming_assets.errors import BrokerError, PartitionGone, TopicRecreated
from streaming_assets.kafka.topics import TopicWatch, ensure_topic, topic_state

pytestmark = pytest.mark.broker


def _config(broker, topic):
    resource = ConfigResource(ResourceType.TOPIC, topic.name)
    admin = AdminClient(broker.client_config())
    found = admin.describe_configs([resource])[resource].result(30)
    return {name: entry.value for name, entry in found.items()}


def test_topic_is_created_as_it_is_described(broker, topic_factory):
    """Partitions, retention and further settings are those of the contract; large records are allowed."""
    topic = topic_factory(partitions=3, retention=timedelta(days=2), config={"cleanup.policy": "compact,delete"})
    config = _config(broker, topic)
    state = topic_state(broker, topic.name)
    assert state.high == {0: 0, 1: 0, 2: 0}
    assert config["retention.ms"] == "172800000"
    assert config["cleanup.policy"] == "compact,delete"
    assert config["max.message.bytes"] == "10485760"


def test_existing_topic_is_left_as_it_is(broker, topic_factory):
    """Another number of partitions in the contract changes nothing of a topic that exists."""
    topic = topic_factory(partitions=2)
    before = topic_state(broker, topic.name)
    ensure_topic(broker, Topic(name=topic.name, partitions=5))
    assert before == topic_state(broker, topic.name)


def test_unknown_topic_has_no_state(broker):
    """Asking for a topic that does not exist gives None, and does not create it."""
    assert topic_state(broker, "never-created") is None
    assert topic_state(broker, "never-created") is None


def test_topic_created_again_has_another_id(broker, topic_factory, delete_topics):
    """The topic id tells a new topic from an old one of the same name."""
    topic = topic_factory(partitions=1)
    first = topic_state(broker, topic.name)
    delete_topics(topic.name)
    ensure_topic(broker, topic)
    second = topic_state(broker, topic.name)
    assert first.topic_id != second.topic_id
    assert first.cluster_id == second.cluster_id
    assert "/" not in first.topic_id + second.topic_id


def test_high_is_the_last_stable_offset(broker, topic_factory):
    """Records of a transaction that is still open lie behind `high`."""
    topic = topic_factory(partitions=1)
    producer = Producer(broker.client_config({"transactional.id": topic.name}))
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic.name, b"x", partition=0)
    producer.flush(30)
    during = topic_state(broker, topic.name).high
    producer.commit_transaction(30)
    deadline = time.monotonic() + 30  # Kafka writes the control record after it has answered
    while (after := topic_state(broker, topic.name).high) == during and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (during, after) == ({0: 0}, {0: 2})  # the record, and the control record that commits it


def test_refused_topic_says_why(broker):
    """A setting that Kafka does not know is named in the error."""
    with pytest.raises(BrokerError, match=r"no\.such\.setting"):
        ensure_topic(broker, Topic(name="refused", config={"no.such.setting": "1"}))
    assert topic_state(broker, "refused") is None


def test_topic_is_watched_by_its_id(broker, topic_factory, delete_topics):
    """A topic is confirmed as long as it has its id; one that is created again, or gone, is told."""
    topic = topic_factory(partitions=1)
    watch = TopicWatch(broker, topic.name, topic_state(broker, topic.name).topic_id)
    watch.confirm()
    delete_topics(topic.name)
    with pytest.raises(PartitionGone, match="was deleted while it was read"):
        watch.confirm()
    ensure_topic(broker, topic)
    with pytest.raises(TopicRecreated, match="was deleted and created again while it was read"):
        watch.confirm()
