import pickle

import pytest

from streaming_assets.errors import BrokerError
from streaming_assets.kafka.broker import connect
from streaming_assets.kafka.connection import Connection, connection_from
from streaming_assets.kafka.topics import topic_state
from streaming_assets.settings import load_settings


def _settings(**more):
    return load_settings(kafka_bootstrap_servers="kafka.example:9092", **more)


def test_login_becomes_sasl_over_tls():
    """User and password of the settings become librdkafka's SASL settings, over TLS."""
    config = connection_from(_settings(kafka_sasl_username="me", kafka_sasl_password="s3cret")).config
    expected = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "me",
        "sasl.password": "s3cret",
    }
    assert expected == config


def test_kafka_config_wins_over_what_the_login_implies():
    """Whoever needs another mechanism says so in `kafka_config`."""
    settings = _settings(
        kafka_sasl_username="me", kafka_sasl_password="s3cret", kafka_config={"sasl.mechanism": "SCRAM-SHA-512"}
    )
    assert connection_from(settings).config["sasl.mechanism"] == "SCRAM-SHA-512"


def test_secrets_are_not_shown():
    """The text of a connection has no client settings in it."""
    connection = Connection("kafka.example:9092", {"sasl.password": "s3cret"})
    assert "s3cret" not in repr(connection)


def test_client_config_takes_settings_as_mapping_and_as_keywords():
    """A client's own settings win over the connection's, however they are given."""
    connection = Connection("kafka.example:9092", {"linger.ms": "1", "acks": "1"})
    config = connection.client_config({"linger.ms": 20}, **{"client.id": "x"})
    assert (config["bootstrap.servers"], config["linger.ms"], config["acks"], config["client.id"]) == (
        "kafka.example:9092",
        20,
        "1",
        "x",
    )


def test_connection_can_be_sent_to_another_process():
    """A connection survives pickling."""
    connection = Connection("kafka.example:9092", {"acks": "1"})
    assert connection == pickle.loads(pickle.dumps(connection))  # noqa: S301


def test_external_cluster_is_used_instead_of_a_broker(tmp_path):
    """With bootstrap servers set, nothing is started and no folder is made."""
    with connect(_settings(home=tmp_path / "home")) as connection:
        assert connection == Connection("kafka.example:9092", {})
    assert not (tmp_path / "home").exists()


def test_unreachable_cluster_is_named_with_the_reason(monkeypatch):
    """A cluster that does not answer gives an error that says where it was looked for, and why it failed."""
    monkeypatch.setattr("streaming_assets.kafka.topics._TIMEOUT_SECONDS", 2.0)
    with pytest.raises(BrokerError) as caught:
        topic_state(Connection("127.0.0.1:9"), "events")
    assert "127.0.0.1:9" in caught.value.found
    assert "refused" in caught.value.found
