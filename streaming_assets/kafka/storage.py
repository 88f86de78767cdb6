"""Configuration and data folder of the broker on this machine: one node, broker and controller in one (KRaft)."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path

from streaming_assets.errors import BrokerError
from streaming_assets.kafka.connection import MAX_MESSAGE_BYTES

PROPERTIES = "server.properties"
_DATA = "data"
_UNFINISHED = "data.new"


def write_properties(folder: Path, ports: tuple[int, int], data: str = _DATA) -> Path:
    """Write the broker's settings; paths in it are relative, as a comma or an umlaut in one would need care.

    Args:
        folder: The broker's folder.
        ports: For clients, and for the controller.
        data: Name of the data folder.
    """
    port, controller_port = ports
    properties = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data,
        **_RECORDS,
        **_SMALL,
    }
    path = folder / PROPERTIES
    path.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    return path


_RECORDS = {
    "auto.create.topics.enable": "false",
    "message.max.bytes": str(MAX_MESSAGE_BYTES),
    "replica.fetch.max.bytes": str(MAX_MESSAGE_BYTES),
    # Kafka judges age by the record's own time: replayed events of years ago would be deleted at once.
    "log.retention.ms": "-1",
    # Likewise, a clock that is wrong must not keep an event out of Bronze (the default allows one hour, KIP-937).
    "log.message.timestamp.after.max.ms": str(2**63 - 1),
}
_SMALL = {
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "num.recovery.threads.per.data.dir": "2",
    "log.cleaner.dedupe.buffer.size": str(16 * 2**20),  # the default takes a quarter of our heap
    "broker.heartbeat.interval.ms": "500",  # a starting broker is let in at a heartbeat
    "broker.session.timeout.ms": "3000",  # after a crash, the new broker is let in when the old one counts as gone
}


def prepare_data(folder: Path, java: Sequence[str | Path], ports: tuple[int, int]) -> str:
    """Return the cluster id of the data folder; format a new one if there is none.

    Args:
        folder: The broker's folder.
        java: Command that runs Java with Kafka's class path.
        ports: As for `write_properties`; the format tool checks them, but does not listen.

    Raises:
        BrokerError: The folder holds something else, or could not be formatted.
        OSError: It can't be read or written.
    """
    data = folder / _DATA
    if not data.exists():
        _format(folder, java, ports)
    try:
        lines = (data / "meta.properties").read_text().splitlines()
    except FileNotFoundError:
        lines = []
    for line in lines:
        name, _, value = line.partition("=")
        if name == "cluster.id" and value:
            return value
    raise BrokerError(
        "The data folder of the broker is not a Kafka data folder.",
        found=f"{data} without a cluster id in meta.properties",
        meaning="the records in it can't be read",
        remedy="bring the folder back from a backup, or move it away to start with empty topics",
    )


def _format(folder: Path, java: Sequence[str | Path], ports: tuple[int, int]) -> None:
    # Formatted beside its place and moved there: a folder named `data` is always whole.
    shutil.rmtree(folder / _UNFINISHED, ignore_errors=True)
    properties = write_properties(folder, ports, _UNFINISHED)
    tool = ["kafka.tools.StorageTool", "format", "--cluster-id", _new_cluster_id(), "--config", properties.name]
    done = subprocess.run([*java, *tool], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BrokerError(
            "The data folder of the broker can't be formatted.",
            found=f"{folder}: {(done.stderr or done.stdout).strip()[-1000:]}",
            remedy="make the folder writable, and free disk space",
        )
    (folder / _UNFINISHED).rename(folder / _DATA)


def _new_cluster_id() -> str:
    """Make an id as Kafka does: a random UUID in 22 characters of URL-safe base64, not starting with a dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid.UUID(bytes=os.urandom(16), version=4).bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text
