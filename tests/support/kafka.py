"""What tests need of Kafka besides the framework: a plain producer and reader, a broker of their own, a slow proxy."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from streaming_assets.contract import Topic
from streaming_assets.kafka.broker import connect
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.embedded import find_broker
from streaming_assets.kafka.topics import ensure_topic, topic_state
from streaming_assets.settings import load_settings

Record = tuple[int, int, bytes | None, bytes | None]
"""Partition, offset, key, value."""

COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "100",
    "delete.retention.ms": "100",
}
"""Topic settings with which Kafka compacts everything but the segment it writes to as soon as its cleaner looks."""


class Kafka:
    """A topic as somebody sees it who knows nothing of this framework."""

    def __init__(self, connection: Connection, topic: Topic) -> None:
        """Name the topic."""
        self.connection = connection
        self.topic = topic
        self.admin = AdminClient(connection.client_config())

    def produce(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Write records, each a mapping of what `Producer.produce` takes, to partition 0 where none is named."""
        settings = {"linger.ms": 5, "compression.type": "lz4", "queue.buffering.max.messages": 2_000_000}
        producer = Producer(self.connection.client_config(settings))
        for record in records:
            producer.produce(self.topic.name, **{"partition": 0, **record})
            producer.poll(0)
        assert producer.flush(60) == 0

    def fill(self, count: int, tag: bytes = b"record") -> None:
        """Write records that fit no schema to partition 0, for tests to which only Bronze matters."""
        self.produce({"value": b"%s-%d" % (tag, number)} for number in range(count))

    def transact(self, *transactions: tuple[int, bool]) -> None:
        """Write transactions to partition 0: each a number of records, and whether it is committed."""
        end = topic_state(self.connection, self.topic.name).high[0] + sum(count + 1 for count, _ in transactions)
        producer = Producer(self.connection.client_config({"transactional.id": f"{self.topic.name}-{end}"}))
        producer.init_transactions(30)
        for count, committed in transactions:
            producer.begin_transaction()
            for number in range(count):
                producer.produce(self.topic.name, b"%s-%d" % (b"good" if committed else b"bad", number), partition=0)
            producer.flush(30)
            (producer.commit_transaction if committed else producer.abort_transaction)(30)
        while topic_state(self.connection, self.topic.name).high[0] < end:  # Kafka answers before it ends them
            time.sleep(0.02)

    def delete_before(self, offsets: Mapping[int, int]) -> None:
        """Delete the records before an offset of each partition, as retention does; -1 is the end."""
        places = [TopicPartition(self.topic.name, partition, offset) for partition, offset in offsets.items()]
        for deleted in self.admin.delete_records(places).values():
            deleted.result(30)

    def compact(self) -> None:
        """Have the topic compacted from now on, by a cleaner that looks every tenth of a second."""
        (node,) = self.admin.list_topics(timeout=30).brokers
        self._configure(ResourceType.BROKER, str(node), {"log.cleaner.backoff.ms": "100"})
        self._configure(ResourceType.TOPIC, self.topic.name, COMPACTED)

    def _configure(self, kind: ResourceType, name: str, values: Mapping[str, str]) -> None:
        entries = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in values.items()
        ]
        resource = ConfigResource(kind, name, incremental_configs=entries)
        self.admin.incremental_alter_configs([resource])[resource].result(30)

    def wait_until_compacted(self, most: int) -> Counter[Record]:
        """Wait until a plain reader finds no more than so many records; return those."""
        deadline = time.monotonic() + 120
        while len(found := self.records()) > most:
            assert time.monotonic() < deadline
            self.produce([{"key": b"roll", "value": b"a new segment"}])
            time.sleep(0.3)
        return found

    def recreate(self) -> None:
        """Delete the topic and create it again."""
        self.delete()
        ensure_topic(self.connection, self.topic)

    def delete(self) -> None:
        """Delete the topic."""
        self.admin.delete_topics([self.topic.name])[self.topic.name].result(30)
        while topic_state(self.connection, self.topic.name) is not None:
            time.sleep(0.02)

    def add_partitions(self, total: int) -> None:
        """Let the topic have more partitions."""
        self.admin.create_partitions([NewPartitions(self.topic.name, total)])[self.topic.name].result(30)
        while len(topic_state(self.connection, self.topic.name).high) < total:
            time.sleep(0.02)

    def records(self) -> Counter[Record]:
        """Read all committed records that the topic holds."""
        partitions = topic_state(self.connection, self.topic.name).high
        settings = {
            "group.id": "reader",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
        }
        consumer = Consumer(self.connection.client_config(settings))
        consumer.assign([TopicPartition(self.topic.name, partition, OFFSET_BEGINNING) for partition in partitions])
        found: Counter[Record] = Counter()
        ends: set[int] = set()
        while len(ends) < len(partitions):
            for message in consumer.consume(1_000, 1.0):
                if message.error() is None:
                    found[message.partition(), message.offset(), message.key(), message.value()] += 1
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    ends.add(message.partition())
                else:
                    raise AssertionError(message.error())
        consumer.close()
        return found


class OwnBroker:
    """A broker that a test stops and starts again on the same port, with the same data."""

    def __init__(self, home: Path) -> None:
        """Choose a port; `start` starts it."""
        with contextlib.closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.settings = load_settings(home=home, kafka_bootstrap_servers=None, kafka_port=port, kafka_heap_mb=256)
        self.folder = home / "kafka"
        self.connection = Connection(f"127.0.0.1:{port}")
        self._used = contextlib.ExitStack()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._used.enter_context(connect(self.settings))

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop it by a signal, and wait until it is gone."""
        broker = find_broker(self.folder)
        if broker is not None:
            os.kill(broker.pid, number)
        self._used.close()
        while find_broker(self.folder) is not None or (self.folder / "broker.json").exists():
            time.sleep(0.05)

    def save(self, backup: Path) -> None:
        """Copy its data; it is stopped."""
        shutil.copytree(self.folder, backup)

    def restore(self, backup: Path) -> None:
        """Bring its data back to what was saved; it is stopped."""
        shutil.rmtree(self.folder)
        shutil.copytree(backup, self.folder)


@contextlib.contextmanager
def _slow_proxy(bootstrap_servers: str, *, seconds: float, size: int) -> Iterator[str]:
    """Give the address of a proxy that passes on at most `size` bytes, and then waits, in either direction.

    The broker names its own address in its answers; the proxy writes its own one over it, which is as long.
    """
    host, port = bootstrap_servers.split(":")
    stop = threading.Event()
    with socket.create_server((host, 0)) as server:
        server.settimeout(0.1)
        own = server.getsockname()[1]
        true, false = (host.encode() + struct.pack(">i", number) for number in (int(port), own))

        def pass_on(source: socket.socket, target: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while not stop.is_set() and (data := source.recv(size)):
                    stop.wait(seconds)
                    target.sendall(data.replace(true, false))
            for each in (source, target):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

        def serve() -> None:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    client, _ = server.accept()
                    client.settimeout(None)
                    upstream = socket.create_connection((host, int(port)))
                    opened.extend([client, upstream])
                    for pair in ((client, upstream), (upstream, client)):
                        threads.append(threading.Thread(target=pass_on, args=pair, daemon=True))
                        threads[-1].start()

        opened: list[socket.socket] = []
        threads = [threading.Thread(target=serve, daemon=True)]
        threads[0].start()
        try:
            yield f"{host}:{own}"
        finally:
            stop.set()
            for each in opened:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(10)
            for each in opened:
                each.close()


def _produce_with_headers(broker: Connection, topic: Topic, names: Iterable[Iterable[bytes]]) -> None:
    """Write records with headers of these names and the value "1", by librdkafka itself: Python's names are text."""
    (path,) = Path(confluent_kafka.__file__).parents[1].glob("confluent_kafka.libs/librdkafka*.so*")
    library, reason = ctypes.CDLL(str(path)), ctypes.create_string_buffer(512)
    for name in ("conf_new", "new"):
        getattr(library, f"rd_kafka_{name}").restype = ctypes.c_void_p
    config = ctypes.c_void_p(library.rd_kafka_conf_new())
    servers = broker.bootstrap_servers.encode()
    assert library.rd_kafka_conf_set(config, b"bootstrap.servers", servers, reason, ctypes.c_size_t(512)) == 0
    producer = ctypes.c_void_p(library.rd_kafka_new(0, config, reason, ctypes.c_size_t(512)))
    end, in_topic, in_partition, copy_value, flags, header = 0, 1, 3, 4, 7, 9  # rd_kafka_vtype_t of rdkafka.h
    for number, mine in enumerate(names):
        value, one = b"%d" % number, (b"1", ctypes.c_ssize_t(1))
        arguments = [in_topic, topic.name.encode(), in_partition, 0, flags, 2]  # RD_KAFKA_MSG_F_COPY
        arguments += [copy_value, value, ctypes.c_size_t(len(value))]
        arguments += [part for name in mine for part in (header, name, *one)]
        assert library.rd_kafka_producev(producer, *arguments, end) == 0
    assert library.rd_kafka_flush(producer, 30_000) == 0
    library.rd_kafka_destroy(producer)


@pytest.fixture
def produce_with_headers():
    """Writes records whose headers have names of any bytes: `produce_with_headers(broker, topic, names)`."""
    return _produce_with_headers


@pytest.fixture
def kafka_of():
    """Makes the outside view of a flow's topic."""
    return lambda flow: Kafka(flow.connection, flow.source.topic)


@pytest.fixture
def kafka(flow, kafka_of):
    """The topic of the test's `flow` as others see it."""
    return kafka_of(flow)


@pytest.fixture
def slow_proxy():
    """Makes slow connections to a broker: `with slow_proxy(address, seconds=…, size=…) as its_address`."""
    return _slow_proxy


@pytest.fixture
def own_broker(broker, tmp_path):
    """A running broker that belongs to the test; `broker` skips where there is no Java."""
    del broker
    own = OwnBroker(tmp_path / "own")
    own.start()
    yield own
    own.stop()
