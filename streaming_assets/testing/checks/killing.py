"""A refresh that is killed, and killed again, goes on where the tables say."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from streaming_assets.errors import NotConforming
from streaming_assets.faults import VARIABLE
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.topics import ensure_topic
from streaming_assets.testing.breaches import breaches_of, lines, remedy_of
from streaming_assets.testing.subject import Subject
from streaming_assets.testing.surroundings import isolated_environment, isolated_settings, lasting

_KILLS = ("bronze.committed", "silver.written", "gold.written", "gold.committed")
"""Moments at which a refresh is killed, one after the other."""

_SECONDS = 300


def check_kills(subject: Subject, connection: Connection) -> None:
    """Publish the events, kill refreshes by SIGKILL, let one end, and check all tables against the broker.

    Args:
        subject: The source, which must be installed: the refreshes are processes of their own.
        connection: A broker for tests; the source's topic is left behind.

    Raises:
        NotConforming: A refresh fails, or a record is lost, twice or wrong afterwards.
    """
    folder, source = subject.new_folder(), subject.source
    folder.mkdir(parents=True)
    ensure_topic(connection, lasting(source.topic))
    with Publisher(connection, source.topic) as publisher:
        publisher.publish(subject.gathered.events)
    for moment in _KILLS:
        _refresh(subject, folder, connection, **{VARIABLE: f"{moment}=kill"})
    _refresh(subject, folder, connection)
    breaches = breaches_of(source, isolated_settings(folder, pseudonym_key=None), connection)
    if breaches:
        raise NotConforming(
            f"After {len(_KILLS)} kills, tables of {source.name} are wrong.",
            found="\n".join(lines(breaches)),
            expected="the same rows as without a kill",
            meaning="a restart would cost data",
            remedy=remedy_of(
                breaches, "let the Silver transform depend on its event alone: it may see each more than once"
            ),
        )


def _refresh(subject: Subject, folder: Path, connection: Connection, **variables: str) -> None:
    few = max(1, len(subject.gathered.events) // 3)
    environment = isolated_environment(
        STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS=connection.bootstrap_servers,
        STREAMING_ASSETS_BATCH_RECORDS=str(few),
        STREAMING_ASSETS_HOME=str(folder),
        **variables,
    )
    command = [sys.executable, "-m", "streaming_assets", "refresh", subject.source.name]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NotConforming(
            f"A refresh of {subject.source.name} in a process of its own did not end.",
            found=f"no end after {_SECONDS} seconds",
            expected="one that takes seconds for so few events",
            remedy="see whether the Silver transform waits for something",
        ) from error
    if done.returncode not in {0, -signal.SIGKILL}:
        raise NotConforming(
            f"A refresh of {subject.source.name} in a process of its own failed.",
            found=done.stderr.strip(),
            expected="one that goes on where the one before was killed",
            remedy="keep no state between refreshes; `pip install` the plugin where it is not installed",
        )
