"""How Spark's own Kafka source reaches the cluster, and which offsets it reads.

The source's options are those of Spark's "Structured Streaming + Kafka Integration Guide"; those that begin with
`kafka.` are the Java client's, whose names differ from librdkafka's where it is about logging in.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession

from streaming_assets.errors import Fault, SettingsError
from streaming_assets.kafka.columns import LATEST_MILLISECONDS, REPLACED
from streaming_assets.kafka.connection import MAX_MESSAGE_BYTES, Connection

_SAME = {
    "security.protocol": "security.protocol",
    "sasl.mechanism": "sasl.mechanism",
    "sasl.mechanisms": "sasl.mechanism",
    "ssl.ca.location": "ssl.truststore.location",
    "ssl.ca.pem": "ssl.truststore.certificates",
    "ssl.certificate.pem": "ssl.keystore.certificate.chain",
    "ssl.key.pem": "ssl.keystore.key",
    "ssl.keystore.location": "ssl.keystore.location",
    "ssl.keystore.password": "ssl.keystore.password",
    "ssl.endpoint.identification.algorithm": "ssl.endpoint.identification.algorithm",
}
"""librdkafka's properties with a counterpart, and its name."""

_LOGIN = ("sasl.username", "sasl.password")
_SECURITY = ("sasl.", "ssl.", "security.")
_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}
_HEADERS = f"""
    CASE WHEN exists(headers, header -> contains(header.key, '{REPLACED}'))
         THEN array(named_struct('key', CAST(NULL AS STRING), 'value', CAST(NULL AS BINARY))) ELSE headers
    END AS headers
"""
"""A name that is not UTF-8 comes with U+FFFD in it; see `kafka.columns.RECORD_SCHEMA`."""

RECORDS_PER_TASK = 250_000
"""A task of Spark reads at most so many offsets: partitions with more to read are cut."""


@dataclass(frozen=True, slots=True)
class Offsets:
    """A range of offsets of some partitions of a topic."""

    topic: str
    """The topic."""
    start: Mapping[int, int]
    """First offset by partition."""
    end: Mapping[int, int]
    """Offset behind the last one, by partition; the same partitions, none of them empty."""


def read_records(session: SparkSession, connection: Connection, some: Offsets, config: Mapping[str, str]) -> DataFrame:
    """Return the records of a range of offsets, with the columns of Bronze up to `timestamp_type`.

    Args:
        session: The session.
        connection: The cluster.
        some: The range.
        config: Properties of the Java client that win over those translated from the connection's.

    Raises:
        SettingsError: A property of the connection has no counterpart.
    """
    options = {
        **{f"kafka.{name}": value for name, value in {**java_config(connection.config, config), **config}.items()},
        "kafka.bootstrap.servers": connection.bootstrap_servers,
        "kafka.isolation.level": "read_committed",
        "kafka.max.partition.fetch.bytes": str(MAX_MESSAGE_BYTES),
        "assign": json.dumps({some.topic: sorted(some.start)}),
        "startingOffsets": _offsets(some.topic, some.start),
        "endingOffsets": _offsets(some.topic, some.end),
        "includeHeaders": "true",
        "failOnDataLoss": "true",
        "maxRecordsPerPartition": str(RECORDS_PER_TASK),  # of Kafka's partitions, each by itself: skewed ones, too
    }
    records = session.read.format("kafka").options(**options).load()
    milliseconds = "unix_millis(timestamp)"
    return records.selectExpr(
        "value",
        "key",
        _HEADERS,
        "topic",
        "partition",
        "offset",
        # A producer can write any number; see `kafka.columns.RECORD_SCHEMA`.
        f"CASE WHEN {milliseconds} BETWEEN 0 AND {LATEST_MILLISECONDS} THEN timestamp END AS timestamp",
        "timestampType AS timestamp_type",
    )


def java_config(config: Mapping[str, str], besides: Mapping[str, str]) -> dict[str, str]:
    """Translate what librdkafka is told about logging in to the Java client's properties; tuning is left out.

    Args:
        config: Properties in librdkafka's names.
        besides: Properties in the Java client's names that are given besides; where they say how to log in, what has no
            counterpart is taken to be said by them.

    Raises:
        SettingsError: A property about logging in has no counterpart.
    """
    known = {_SAME[name]: value for name, value in config.items() if name in _SAME}
    if "security.protocol" in known:
        known["security.protocol"] = known["security.protocol"].upper()
    if known.get("ssl.endpoint.identification.algorithm") == "none":
        known["ssl.endpoint.identification.algorithm"] = ""
    for store in ("truststore", "keystore"):
        pem = any(
            name in config for name in _SAME if _SAME[name].startswith(f"ssl.{store}.") and "keystore." not in name
        )
        known |= {f"ssl.{store}.type": "PEM"} if pem else {}
    left = [name for name in config if name.startswith(_SECURITY) and name not in {*_SAME, *_LOGIN}]
    if all(name in config for name in _LOGIN) and "sasl.jaas.config" not in besides:
        mechanism = known.get("sasl.mechanism", "PLAIN").upper()
        left += [] if mechanism in _MODULES else ["sasl.mechanism"]
        known["sasl.jaas.config"] = _jaas(mechanism, *(config[name] for name in _LOGIN))
    if left and not any(name.startswith(_SECURITY) for name in besides):
        raise SettingsError([Fault(
            where="STREAMING_ASSETS_KAFKA_CONFIG",
            found=f"{', '.join(left)}, which Spark's Kafka client has under other names",
            expected="what it needs to log in as STREAMING_ASSETS_SPARK_KAFKA_CONFIG, in the Java client's names",
        )])  # fmt: skip
    return known


def _jaas(mechanism: str, user: str, password: str) -> str:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    # The Kafka client of a Databricks runtime lies in a package of its own (its guide to authentication with Kafka).
    module = ("kafkashaded." if "DATABRICKS_RUNTIME_VERSION" in os.environ else "") + _MODULES.get(mechanism, "")
    return f"{module} required username={quoted(user)} password={quoted(password)};"


def _offsets(topic: str, offsets: Mapping[int, int]) -> str:
    return json.dumps({topic: {str(partition): offset for partition, offset in sorted(offsets.items())}})
