"""A connection to Kafka: to the cluster of the settings, or else to a real broker on this machine.

The broker lives as long as somebody uses it. Every user holds a shared `flock` on `<home>/kafka/users.lock`
for the time of `connect`; the supervisor waits for the exclusive one. See `supervisor.py`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from streaming_assets.errors import BrokerError, BrokerNotRunning
from streaming_assets.kafka.connection import Connection, connection_from
from streaming_assets.kafka.embedded import RunningBroker, find_broker, start_broker
from streaming_assets.kafka.supervisor import USERS_LOCK
from streaming_assets.settings import Settings

_START_LOCK = "start.lock"


@contextmanager
def connect(
    settings: Settings, *, start: bool = True, on_progress: Callable[[str], None] | None = None
) -> Iterator[Connection]:
    """Give a connection to Kafka, and keep the broker on this machine running while it is used.

    Args:
        settings: Names an external cluster; if not, the broker of `<home>/kafka` is used.
        start: Whether to start that broker where none runs.
        on_progress: Told, in words, what is waited for. A first download shows a bar instead on a terminal.

    Raises:
        BrokerNotRunning: None runs, and `start` is False.
        BrokerError: The broker can't be started: no Java, port in use, folder unusable, it ended at once.
    """
    if settings.kafka_bootstrap_servers is not None:
        yield connection_from(settings)
        return
    folder = settings.home / "kafka"
    users = _become_user(folder, create=start)
    try:
        broker = _running(folder, settings, start=start, on_progress=on_progress)
        yield Connection(broker.bootstrap_servers)
    finally:
        os.close(users)


@contextmanager
def connect_if_running(settings: Settings) -> Iterator[Connection | None]:
    """Give a connection as `connect` does where a cluster is configured or a broker runs; None where none does.

    Raises:
        BrokerError: The broker's folder can't be used.
    """
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(connect(settings, start=False))
        except BrokerNotRunning:
            connection = None
        yield connection


def broker_address(settings: Settings) -> str | None:
    """Return the bootstrap servers of the external cluster, or of the broker on this machine if it is ready.

    It looks at a file and two processes, without a network request, and starts nothing.

    Raises:
        BrokerError: The broker's folder can't be read.
    """
    if settings.kafka_bootstrap_servers is not None:
        return settings.kafka_bootstrap_servers
    folder = settings.home / "kafka"
    try:
        broker = find_broker(folder)
    except OSError as error:
        raise _unusable(folder, error) from error
    return broker.bootstrap_servers if broker is not None and broker.ready else None


def _become_user(folder: Path, *, create: bool) -> int:
    """Take the shared lock. While the supervisor stops a broker, this waits until it has stopped."""
    try:
        if create:
            folder.mkdir(parents=True, exist_ok=True)
        return _lock(folder / USERS_LOCK, fcntl.LOCK_SH)
    except FileNotFoundError:
        raise _not_running(folder) from None
    except OSError as error:
        raise _unusable(folder, error) from error


def _running(
    folder: Path, settings: Settings, *, start: bool, on_progress: Callable[[str], None] | None
) -> RunningBroker:
    try:
        starter = _lock(folder / _START_LOCK, fcntl.LOCK_EX)  # waits for somebody else's start
        try:
            broker = find_broker(folder)
            if broker is not None and broker.ready:
                return broker
            if not start:
                raise _not_running(folder)
            return start_broker(folder, settings, on_progress)
        finally:
            os.close(starter)
    except OSError as error:
        raise _unusable(folder, error) from error


def _lock(path: Path, kind: int) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, kind)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _not_running(folder: Path) -> BrokerNotRunning:
    return BrokerNotRunning(
        "No Kafka broker is running.",
        found=f"none in {folder}, and STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS is not set",
        remedy="run `streaming-assets broker` or `streaming-assets up` and leave it running",
    )


def _unusable(folder: Path, error: OSError) -> BrokerError:
    return BrokerError(
        "The folder of the Kafka broker can't be used.",
        found=f"{error.filename or folder}: {error.strerror or error}",
        expected="a folder that can be read and written, on a file system with flock",
        remedy="fix its permissions, or set STREAMING_ASSETS_HOME to another folder",
    )
