"""How Spark's Kafka client is told to log in, and which offsets it is given."""

from __future__ import annotations

import pytest

from streaming_assets.contract import Event
from streaming_assets.errors import SettingsError
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.topics import topic_state
from streaming_assets.settings import load_settings

kafka = pytest.importorskip("streaming_assets.engines.spark.kafka", exc_type=ImportError)
bronze = pytest.importorskip("streaming_assets.engines.spark.bronze", exc_type=ImportError)

LOGIN = {
    "security.protocol": "sasl_ssl",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "key",
    "sasl.password": 'a "quoted" \\ word',
}


def test_a_login_becomes_a_jaas_configuration():
    """User and password come as the login module that the mechanism needs, with quotes that they can't end."""
    found = kafka.java_config(LOGIN, {})
    assert found["security.protocol"] == "SASL_SSL"
    assert found["sasl.mechanism"] == "PLAIN"
    assert found["sasl.jaas.config"] == (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        'username="key" password="a \\"quoted\\" \\\\ word";'
    )
    scram = kafka.java_config({**LOGIN, "sasl.mechanism": "SCRAM-SHA-512"}, {})
    assert scram["sasl.jaas.config"].startswith("org.apache.kafka.common.security.scram.ScramLoginModule required ")


def test_certificates_are_given_as_pem():
    """The authority's certificate, in a file or as text, becomes a trust store of that format."""
    assert kafka.java_config({"ssl.ca.location": "/ca.pem"}, {}) == {
        "ssl.truststore.location": "/ca.pem",
        "ssl.truststore.type": "PEM",
    }
    assert kafka.java_config({"ssl.certificate.pem": "C", "ssl.key.pem": "K"}, {}) == {
        "ssl.keystore.certificate.chain": "C",
        "ssl.keystore.key": "K",
        "ssl.keystore.type": "PEM",
    }


def test_tuning_is_left_to_the_java_client():
    """What librdkafka is told about buffers and waits says nothing to another client."""
    assert kafka.java_config({"fetch.wait.max.ms": "5", "linger.ms": "1"}, {}) == {}


@pytest.mark.parametrize("name", ["sasl.oauthbearer.config", "ssl.certificate.location", "sasl.kerberos.keytab"])
def test_a_login_without_counterpart_is_refused(name):
    """A property that the Java client has under another name ends with the setting to use, and without its value."""
    with pytest.raises(SettingsError) as raised:
        kafka.java_config({name: "a secret"}, {})
    assert name in str(raised.value)
    assert "STREAMING_ASSETS_SPARK_KAFKA_CONFIG" in str(raised.value)
    assert "a secret" not in str(raised.value)
    with pytest.raises(SettingsError):
        kafka.java_config({name: "a secret"}, {"fetch.max.bytes": "1000"})
    assert kafka.java_config({name: "a secret"}, {"sasl.mechanism": "OAUTHBEARER"}) == {}


def test_an_unknown_mechanism_is_refused():
    """A user of a mechanism without a known login module is told, and not sent as another one."""
    with pytest.raises(SettingsError, match=r"sasl\.mechanism"):
        kafka.java_config({**LOGIN, "sasl.mechanism": "GSSAPI"}, {})


@pytest.mark.parametrize("most", [1, 3, 7, 10, 11, 100])
def test_ranges_cover_every_offset_once(most):
    """However they are cut, the ranges follow each other, and hold every planned offset and no other."""
    start, end = {0: 5, 1: 0, 2: 7}, {0: 12, 1: 30}
    found = [
        (partition, offset)
        for some in bronze.commit_ranges("t", start, end, most)
        for partition in some.start
        for offset in range(some.start[partition], some.end[partition])
    ]
    assert sorted(found) == [*((0, offset) for offset in range(5, 12)), *((1, offset) for offset in range(30))]
    sizes = [sum(some.end[one] - some.start[one] for one in some.start)
             for some in bronze.commit_ranges("t", start, end, most)]  # fmt: skip
    assert max(sizes) <= most + len(end)
    assert min(sizes) > 0


@pytest.mark.broker
@pytest.mark.spark
def test_a_skewed_partition_is_read_in_several_tasks(broker, topic_factory, spark_settings, tmp_path, monkeypatch):
    """No task reads more than its share of offsets, however unevenly they lie in the partitions; all are read once."""
    from pyspark.sql import functions as sf  # noqa: PLC0415 - it needs pyspark

    from streaming_assets.engines.spark.session import open_session  # noqa: PLC0415

    monkeypatch.setattr(kafka, "RECORDS_PER_TASK", 100)
    topic = topic_factory(partitions=3)
    with Publisher(broker, topic) as publisher:
        publisher.publish(Event(value=b"x", key=b"same") for _ in range(950))
    ends = {one: end for one, end in topic_state(broker, topic.name).high.items() if end}
    some = kafka.Offsets(topic.name, dict.fromkeys(ends, 0), ends)
    session = open_session(load_settings(home=tmp_path, **spark_settings))
    rows = kafka.read_records(session, broker, some, {}).select("offset", sf.spark_partition_id().alias("task"))
    tasks = [row["n"] for row in rows.groupBy("task").agg(sf.count("*").alias("n")).collect()]
    assert (sum(tasks), max(tasks) <= 100) == (950, True)
    assert rows.select("offset").distinct().count() == 950


def test_a_databricks_runtime_has_its_own_login_modules(monkeypatch):
    """In a Databricks runtime, the login module is the one of its Kafka client."""
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    jaas = kafka.java_config(LOGIN, {})["sasl.jaas.config"]
    assert jaas.startswith("kafkashaded.org.apache.kafka.common.security.plain.PlainLoginModule required ")
