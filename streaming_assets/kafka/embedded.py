"""The broker on this machine: found, started, waited for. `supervisor.py` stops it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streaming_assets.errors import BrokerError
from streaming_assets.kafka import supervisor
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.jars import kafka_jars
from streaming_assets.kafka.java import find_java
from streaming_assets.kafka.storage import PROPERTIES, prepare_data, write_properties
from streaming_assets.settings import Settings

LOG = "broker.log"

_READY_SECONDS = 120.0
_STOP_SECONDS = 40.0
_LOG_LINES = 15


@dataclass(frozen=True, slots=True)
class RunningBroker:
    """What `broker.json` says of the broker of a home."""

    pid: int
    """Process id of Java."""
    supervisor: int
    """Process id of the supervisor."""
    bootstrap_servers: str
    """Where clients reach it."""
    cluster_id: str
    """Kafka's id of the cluster; the same for the life of the data folder."""
    ready: bool
    """Whether it has answered a client."""


def find_broker(folder: Path) -> RunningBroker | None:
    """Return the broker of a folder if Java and the supervisor are alive; it may still be starting.

    Raises:
        OSError: The folder can't be read.
    """
    broker = _recorded(folder)
    if broker is None or not (_is_ours(broker.pid, folder) and _is_ours(broker.supervisor, folder)):
        return None
    return broker


def start_broker(folder: Path, settings: Settings, on_progress: Callable[[str], None] | None) -> RunningBroker:
    """Start the broker of a folder and wait until it answers; or wait for one that is starting.

    The caller is alone in this (`start.lock`), and counts as a user of the broker (`users.lock`).

    Raises:
        BrokerError: There is no Java, the port is taken, the jars or the data folder can't be used, or the
            broker ended.
        OSError: The folder can't be written.
    """
    broker = find_broker(folder)
    if broker is None:
        _end_remains(folder)
        _launch(folder, settings, on_progress)
        broker = _recorded(folder)
    _say(on_progress, "Waiting for the Kafka broker")
    return _until_ready(folder, broker)


def _say(on_progress: Callable[[str], None] | None, text: str) -> None:
    if on_progress is not None:
        on_progress(text)


def _recorded(folder: Path) -> RunningBroker | None:
    try:
        return RunningBroker(**json.loads((folder / supervisor.STATE).read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _is_ours(pid: int, folder: Path) -> bool:
    """Tell whether a process is alive and belongs to the broker of this folder: ids are used again."""
    try:
        return any(str(folder) in argument for argument in psutil.Process(pid).cmdline())
    except psutil.Error:
        return False


def _end_remains(folder: Path) -> None:
    """End what is left of a broker whose Java or whose supervisor was killed."""
    broker = _recorded(folder)
    if broker is None:
        return
    left = [psutil.Process(pid) for pid in (broker.supervisor, broker.pid) if _is_ours(pid, folder)]
    for process in left:
        process.terminate()
    _, still_alive = psutil.wait_procs(left, timeout=_STOP_SECONDS)
    for process in still_alive:
        process.kill()
    psutil.wait_procs(still_alive, timeout=_STOP_SECONDS)
    (folder / supervisor.STATE).unlink(missing_ok=True)


def _launch(folder: Path, settings: Settings, on_progress: Callable[[str], None] | None) -> None:
    ports = _ports(settings.kafka_port)
    java = _java_command(folder, settings.kafka_heap_mb, on_progress)
    _say(on_progress, "Starting the Kafka broker")
    cluster_id = prepare_data(folder, java, ports)
    write_properties(folder, ports)
    order = {
        "folder": str(folder),
        "command": [*java, "kafka.Kafka", PROPERTIES],
        "bootstrap_servers": f"127.0.0.1:{ports[0]}",
        "cluster_id": cluster_id,
    }
    log = folder / LOG
    if log.exists():
        log.replace(f"{log}.1")
    with log.open("wb") as out:
        subprocess.run(
            [sys.executable, "-I", supervisor.__file__, json.dumps(order, ensure_ascii=False)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,  # Ctrl-C is for us; the broker ends after its last user
            check=False,  # if it failed, there is no broker, and the log says why
        )


def _java_command(folder: Path, heap_mb: int, on_progress: Callable[[str], None] | None) -> list[str]:
    jars = kafka_jars(on_progress)
    return [
        str(find_java()),
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",  # the smallest footprint
        "-XX:+ExitOnOutOfMemoryError",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        f"-Dstreaming_assets.folder={folder}",  # by this we know it again
        "-classpath",
        os.pathsep.join(map(str, jars)),
    ]


def _ports(wanted: int) -> tuple[int, int]:
    """Return the port for clients and one for the controller, both free at this moment."""
    with closing(socket.socket()) as clients, closing(socket.socket()) as controller:
        clients.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            clients.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise BrokerError(
                f"The Kafka broker can't listen on port {wanted}.",
                found=f"127.0.0.1:{wanted}: {error.strerror}",
                remedy="end the program that uses the port, or set STREAMING_ASSETS_KAFKA_PORT to another one "
                "(0 takes a free one)",
            ) from None
        controller.bind(("127.0.0.1", 0))
        return clients.getsockname()[1], controller.getsockname()[1]


def _until_ready(folder: Path, broker: RunningBroker | None) -> RunningBroker:
    deadline = time.monotonic() + _READY_SECONDS
    while broker is not None and _is_ours(broker.pid, folder):
        if _answers(broker.bootstrap_servers):
            ready = replace(broker, ready=True)
            _record(folder, ready)
            return ready
        if time.monotonic() > deadline:
            raise _failure(folder, f"The Kafka broker did not answer within {_READY_SECONDS:.0f} seconds.")
        time.sleep(0.1)
    raise _failure(folder, "The Kafka broker ended while it was starting.")


def _answers(bootstrap_servers: str) -> bool:
    host, _, port = bootstrap_servers.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False  # librdkafka would wait longer and longer between its attempts
    try:
        return bool(AdminClient(Connection(bootstrap_servers).client_config()).list_topics(timeout=5).brokers)
    except KafkaException:
        return False


def _record(folder: Path, broker: RunningBroker) -> None:
    new = folder / f"{supervisor.STATE}.ready"
    new.write_text(json.dumps(asdict(broker)))
    new.replace(folder / supervisor.STATE)


def _failure(folder: Path, summary: str) -> BrokerError:
    log = folder / LOG
    lines = log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
    return BrokerError(
        summary,
        found="\n".join([f"the last lines of {log}:", *lines]) if lines else f"{log} is empty",
        remedy="fix the cause named in the log; STREAMING_ASSETS_KAFKA_HEAP_MB gives the broker more memory",
    )
