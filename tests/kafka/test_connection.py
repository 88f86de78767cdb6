import pickle
import socket

import pytest

from streaming_assets.contract import Topic
from streaming_assets.errors import BrokerError, SettingsError
from streaming_assets.kafka.broker import connect
from streaming_assets.kafka.connection import Connection, connection_from
from streaming_assets.kafka.consumer import RecordReader
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.topics import ensure_topic, topic_state
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


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"acks": "1", "no.such": "s3cret"}, "no.such: no property of librdkafka"),
        ({"security.protocol": "s3cret"}, "security.protocol: a value that librdkafka refuses; it is not shown"),
        ({"stats_cb": "s3cret"}, "stats_cb: a value that librdkafka refuses; it is not shown"),
        (
            {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "s3cret"},
            "security.protocol, sasl.mechanism: a value that librdkafka refuses; it is not shown",
        ),
    ],
)
def test_faulty_client_settings_are_named_and_not_shown(config, found):
    """Whatever uses the connection says which variable and property is wrong, and not what it was set to."""
    connection = connection_from(_settings(kafka_config=config))
    for use in (_publish, _read, topic_state):
        with pytest.raises(SettingsError) as caught:
            use(connection, "events")
        (fault,) = caught.value.faults
        assert (fault.where, fault.found) == ("STREAMING_ASSETS_KAFKA_CONFIG", found)
        assert "s3cret" not in str(caught.value)


def _publish(connection, name):
    with Publisher(connection, Topic(name=name)):
        pass


def _read(connection, name):
    with RecordReader(connection, name, {0: 0}, {0: 1}, max_records=1, max_bytes=1) as reader:
        next(reader)


@pytest.mark.parametrize(("there", "missing"), [("username", "password"), ("password", "username")])
def test_half_a_login_is_no_login(there, missing):
    """A user without a password, or the reverse, is told instead of connecting without a login."""
    with pytest.raises(SettingsError, match=f"KAFKA_SASL_{missing.upper()}: found nothing") as caught:
        connection_from(_settings(**{f"kafka_sasl_{there}": "s3cret"}))
    assert "s3cret" not in str(caught.value)


@pytest.fixture
def silent_server():
    """The address of a server that takes connections and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_server_that_never_answers_is_an_error(monkeypatch, silent_server):
    """Requests without an answer, to tell of a topic or to make one, end with the address and a remedy."""
    monkeypatch.setattr("streaming_assets.kafka.topics._TIMEOUT_SECONDS", 1.0)
    connection = Connection(silent_server)
    for request in (lambda: topic_state(connection, "events"), lambda: ensure_topic(connection, Topic(name="events"))):
        with pytest.raises(BrokerError, match=silent_server) as caught:
            request()
        assert caught.value.remedy


def test_future_that_is_never_done_is_an_error(monkeypatch, silent_server):
    """A request that librdkafka itself leaves open ends all the same, as the same error."""
    monkeypatch.setattr("streaming_assets.kafka.topics._GRACE_SECONDS", -9.5)
    with pytest.raises(BrokerError, match=silent_server) as caught:
        topic_state(Connection(silent_server), "events")
    assert caught.value.remedy
