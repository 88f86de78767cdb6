"""Topics: created where missing, and their present extent."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self, cast

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec, TopicDescription  # type: ignore[attr-defined]

from streaming_assets.contract import Topic
from streaming_assets.errors import BrokerError, PartitionGone, TopicRecreated
from streaming_assets.kafka.connection import MAX_MESSAGE_BYTES, Connection, LastError

_TIMEOUT_SECONDS = 10.0
_GRACE_SECONDS = 5.0
_LEADER_SECONDS = 10.0
_NO_LEADER_YET = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.OFFSET_NOT_AVAILABLE,
}
"""What a broker answers while a leader is being chosen and has not taken up its work (KIP-320, KIP-207). A topic that
was described a moment ago is unknown to a broker that has not heard of it from the controller yet."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """What a topic holds at one moment."""

    cluster_id: str
    """Kafka's id of the cluster."""
    topic_id: str
    """Kafka's id of the topic (KIP-516): a topic that was deleted and created again has another one."""
    name: str
    """The topic's name."""
    low: Mapping[int, int]
    """Per partition, the offset of the oldest record that is still there (log start offset)."""
    high: Mapping[int, int]
    """Per partition, the last stable offset: below it, every transaction has been committed or aborted, so a
    `read_committed` consumer can read up to it. Without open transactions it is the high watermark. It is the
    offset after the last record, or after the control record that ends a transaction."""


def ensure_topic(connection: Connection, topic: Topic) -> None:
    """Create the topic where it does not exist; one that does is left as it is.

    Unless `topic.config` says otherwise it takes records up to `MAX_MESSAGE_BYTES`.

    Raises:
        BrokerError: Kafka can't be reached, or refuses the topic.
        SettingsError: librdkafka refuses the settings of the connection.
    """
    with _Admin(connection) as admin:
        if admin.describe(topic.name) is not None:
            return
        new = NewTopic(topic.name, topic.partitions, config=_topic_config(topic))
        try:
            admin.create(new)
        except KafkaException as error:
            if error.args[0].code() < 0:  # librdkafka's own codes: no broker has answered
                raise
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise _refused(topic, error.args[0]) from None
        admin.wait_until_usable(topic.name)


def topic_state(connection: Connection, name: str) -> TopicState | None:
    """Return the ids and the extent of a topic, or None if there is no such topic.

    Raises:
        BrokerError: Kafka can't be reached, or refuses to tell.
        SettingsError: librdkafka refuses the settings of the connection.
    """
    with _Admin(connection) as admin:
        cluster = admin.client.describe_cluster(request_timeout=_TIMEOUT_SECONDS)
        description = admin.describe(name)
        if description is None:
            return None
        partitions = sorted(partition.id for partition in description.partitions)
        low = admin.offsets(name, partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        high = admin.offsets(name, partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return TopicState(
            cluster_id=admin.result(cluster, "describe the cluster").cluster_id,
            topic_id=_topic_id(description),
            name=name,
            low=low,
            high=high,
        )


class TopicWatch:
    """Tells whether a topic is still the one that is being read.

    librdkafka goes on at the same offset when a topic is deleted and created again under it. Ids are never used
    again, so a topic that has its id after records came is the one they came from.
    """

    def __init__(self, connection: Connection, name: str, topic_id: str) -> None:
        """Prepare; librdkafka connects in the background."""
        self._admin = _Admin(connection)
        self._name = name
        self._topic_id = topic_id

    def confirm(self) -> None:
        """Return if the topic is still the same.

        Raises:
            TopicRecreated: It has another id now.
            PartitionGone: There is no such topic any more.
            BrokerError: Kafka can't be asked.
        """
        with self._admin as admin:
            description = admin.describe(self._name)
        if description is None:
            raise PartitionGone(f"Topic {self._name} was deleted while it was read.", **self._told("no such topic"))
        topic_id = _topic_id(description)
        if topic_id != self._topic_id:
            raise TopicRecreated(
                f"Topic {self._name} was deleted and created again while it was read.",
                **self._told(f"topic id {topic_id}"),
            )

    def _told(self, found: str) -> dict[str, str]:
        return {
            "found": found,
            "expected": f"topic id {self._topic_id}",
            "meaning": "of what was read last it is not known from which topic it came; none of it was written",
        }


class _Admin:
    """An admin client whose unanswered requests become errors that say why."""

    def __init__(self, connection: Connection) -> None:
        self._servers = connection.bootstrap_servers
        self._last_error = LastError()
        self._request = "describe a topic"
        self.client: AdminClient = connection.client(AdminClient, {"error_cb": self._last_error})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, KafkaException | TimeoutError):
            self.client.poll(0)  # serves the error callback
            raise self._failed(error.args[0] if isinstance(error, KafkaException) else None) from None

    def _failed(self, error: KafkaError | None) -> BrokerError:
        answered = error is not None and error.code() > 0  # librdkafka's own codes are below
        return BrokerError(
            f"Kafka {'refused' if answered else 'did not answer'} the request to {self._request}.",
            found=f"{self._servers}: {self._last_error.explain(error)}",
            meaning="nothing was lost",
            remedy="check that the cluster runs, that the STREAMING_ASSETS_KAFKA_* settings fit it, and that its user "
            "may do this; then try again",
        )

    def result(self, future: Future[Any], request: str) -> Any:
        """Wait for the answer to a request; an error names what was asked: `Kafka refused the request to …`."""
        self._request = request
        return future.result(_TIMEOUT_SECONDS + _GRACE_SECONDS)

    def create(self, topic: NewTopic) -> None:
        asked = self.client.create_topics([topic], request_timeout=_TIMEOUT_SECONDS)
        self.result(asked[topic.topic], f"create topic {topic.topic}")

    def describe(self, name: str) -> TopicDescription | None:
        asked = self.client.describe_topics(TopicCollection([name]), request_timeout=_TIMEOUT_SECONDS)
        try:
            return cast(TopicDescription, self.result(asked[name], f"describe topic {name}"))
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            raise

    def offsets(self, name: str, partitions: Collection[int], which: OffsetSpec) -> dict[int, int]:
        """Return an offset per partition; where a leader is being chosen, wait for it."""
        deadline = time.monotonic() + _LEADER_SECONDS
        while True:
            asked = self.client.list_offsets(
                {TopicPartition(name, partition): which for partition in partitions},
                isolation_level=IsolationLevel.READ_COMMITTED,
                request_timeout=_TIMEOUT_SECONDS,
            )
            try:
                request = f"list the offsets of topic {name}"
                return {place.partition: self.result(future, request).offset for place, future in asked.items()}
            except KafkaException as error:
                if error.args[0].code() not in _NO_LEADER_YET or time.monotonic() > deadline:
                    raise
            time.sleep(0.02)

    def wait_until_usable(self, name: str) -> None:
        """Wait until the brokers, which hear of a new topic from the controller, serve all of its partitions."""
        deadline = time.monotonic() + _LEADER_SECONDS
        while (found := self.describe(name)) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if found is not None:
            self.offsets(name, [partition.id for partition in found.partitions], OffsetSpec.latest())  # type: ignore[no-untyped-call]


def _topic_id(description: TopicDescription) -> str:
    # Kafka writes ids in URL-safe base64, librdkafka in the other alphabet, where a `/` can occur.
    return str(description.topic_id).replace("+", "-").replace("/", "_")


def _topic_config(topic: Topic) -> dict[str, str]:
    retention = {} if topic.retention is None else {"retention.ms": str(topic.retention // timedelta(milliseconds=1))}
    return {"max.message.bytes": str(MAX_MESSAGE_BYTES), **retention, **topic.config}


def _refused(topic: Topic, error: KafkaError) -> BrokerError:
    return BrokerError(
        f"Kafka does not create the topic {topic.name!r}.",
        found=f"{error.name()}: {error.str()}",
        remedy="fix the topic's definition in the plugin (`Topic.config` has Kafka's own names), "
        "or let an administrator create the topic",
    )
