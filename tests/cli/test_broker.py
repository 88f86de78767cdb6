"""`broker`: a real one, until it is told to stop."""

from __future__ import annotations

import signal
import socket
import time

import psutil
import pytest

from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.embedded import find_broker
from streaming_assets.kafka.topics import topic_state

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("broker")]  # the fixture skips where there is no Java


def test_broker_says_where_it_is_and_stops(new_command_line, tmp_path):
    """It prints its address once it answers; on SIGTERM it ends with exit code 0, and nothing listens there then."""
    folder = tmp_path / ":bold: a folder"
    folder.mkdir()
    line = new_command_line(folder)
    process = line.start("broker")
    told = process.stdout.readline()
    address = told.removeprefix("Kafka at ").split(",")[0]
    assert told == f"Kafka at {address}, data in {line.home / 'kafka'}\n"
    assert topic_state(Connection(address), "never-created") is None

    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in err) == (0, False)
    deadline = time.monotonic() + 60
    while _listens(address):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.long
def test_a_broker_that_is_killed_is_told(offline):
    """When its Java is killed, `broker` ends with exit code 1 and says where the log is."""
    process = offline.start("broker", COLUMNS="1000")
    assert process.stdout.readline().startswith("Kafka at ")
    psutil.Process(find_broker(offline.home / "kafka").pid).kill()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in err) == (1, False)
    assert "The Kafka broker ended." in err
    assert str(offline.home / "kafka" / "broker.log") in err


def test_port_in_use_is_told(offline):
    """A port that somebody else has is an error that names it and the variable; nothing is left running."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = offline.fails("broker", STREAMING_ASSETS_KAFKA_PORT=str(port))
    assert f"BrokerError The Kafka broker can't listen on port {port}." in told
    assert "STREAMING_ASSETS_KAFKA_PORT" in told
    assert not (offline.home / "kafka" / "broker.json").exists()


def test_with_a_cluster_of_ones_own_there_is_no_broker_to_run(command_line):
    """Where the settings name a cluster, `broker` says so instead of starting another one."""
    told = command_line.fails("broker")
    assert "STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS" in told


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0
