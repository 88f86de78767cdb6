"""Checks on what a source is called, whose it is, and its topic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from streaming_assets.contract import EventSchema, EventSource, ProducerFactory, Topic
from streaming_assets.errors import Fault
from streaming_assets.validation.callables import callable_faults
from streaming_assets.validation.names import identifier_faults, path_faults

RESERVED_NAMES = frozenset(
    {
        *("home", "lake", "engine", "threads", "disabled"),
        *("kafka", "kafka_bootstrap", "kafka_sasl", "kafka_heap"),
        *("batch", "memory", "memory_limit", "lock", "lock_timeout"),
        *("pseudonym", "quarantine", "freshness", "vacuum", "vacuum_retention"),
        *("dagster", "dashboard", "dashboard_refresh"),
        *("databricks", "databricks_secret", "databricks_timeout", "databricks_poll"),
        *("plugin", "plugin_timeout", "function", "function_timeout"),
        *("source", "spark", "spark_kafka", "spark_batch"),
    }
)
"""What settings begin with: a source gets every variable `STREAMING_ASSETS_<NAME>_…` as an option, so one
of such a name would be handed settings, passwords included."""

_TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_OWNER = re.compile(r"[^@\s:]+@[^@\s:]+\.[^@\s:.]+|team:[A-Za-z0-9_.-]+")
_SHORTEST_RETENTION = timedelta(milliseconds=1)


def name_faults(name: str) -> Iterator[Fault]:
    """Check the name of a source."""
    yield from identifier_faults("name", name)
    if name in RESERVED_NAMES:
        yield Fault("name", repr(name), "a name that no setting begins with, or its options would be settings")


def check_identity(source: EventSource) -> Iterator[Fault]:
    """Check names, texts and owners."""
    yield from name_faults(source.name)
    for where, text in (("title", source.title), ("description", source.description)):
        if not text.strip():
            yield Fault(where, "no text", "some words for people")
    for index, owner in enumerate(source.owners):
        if not _OWNER.fullmatch(owner):
            yield Fault(f"owners[{index}]", repr(owner), "an e-mail address, or team:<name>")


def check_producer(producer: ProducerFactory) -> Iterator[Fault]:
    """Check that a producer can be made from options, without making one."""
    yield from callable_faults(producer, "producer", "the source's options")


def check_topic(topic: Topic, schema: EventSchema) -> Iterator[Fault]:
    """Check a topic by Kafka's rules (`org.apache.kafka.common.internals.Topic`)."""
    if not _TOPIC_NAME.fullmatch(topic.name) or topic.name in {".", ".."}:
        yield Fault("topic.name", repr(topic.name), "1 to 249 letters, digits, '.', '_' or '-', not '.' or '..'")
    if topic.partitions < 1:
        yield Fault("topic.partitions", str(topic.partitions), "at least 1")
    if topic.retention is not None and topic.retention < _SHORTEST_RETENTION:
        yield Fault("topic.retention", str(topic.retention), "a time of at least a millisecond")
    if topic.retention is not None and "retention.ms" in topic.config:
        yield Fault("topic.config", "retention.ms beside `retention`", "one of the two")
    if topic.key is not None:
        yield from path_faults("topic.key", topic.key, schema.fields)
