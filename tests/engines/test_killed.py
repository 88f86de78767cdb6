"""Two engines take turns on one set of tables, and nearly every turn is ended by SIGKILL."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from streaming_assets.contract import Event
from streaming_assets.faults import VARIABLE
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.topics import ensure_topic
from streaming_assets.registry import load_sources

pytestmark = [
    pytest.mark.broker,
    pytest.mark.spark,
    pytest.mark.usefixtures("spark_settings"),
    pytest.mark.timeout(3600),  # every other turn starts Spark
]

LAYERS = ("bronze", "quarantine", "silver", "gold")
AT_SPARK = (
    *("bronze.committed", "quarantine.committed", "silver.computed", "silver.committed"),
    *("gold.computed", "gold.committed@2", "bronze", "gold"),
)
"""When a Spark is killed: at a fault point, or as soon as a layer has a new data file, while the JVM writes."""
AT_EMBEDDED = tuple(
    f"{layer}.{moment}" for layer in LAYERS for moment in ("computed", "written", "committed")
)  # fmt: skip
MOST_SECONDS = 600
EVENTS, AGAIN, RUBBISH = 60, 6, 3


def interaction(number: int) -> dict[str, object]:
    kind = ("join", "message", "like", "viewers_count")[number % 4]
    return {
        "id": str(number),
        "timestamp": moment(number),
        "event": kind,
        "user_id": f"user-{number % 13}",
        "video_id": f"video-{number % 5}",
        "payload": str(number) if kind == "viewers_count" else "hello",
    }


def github(number: int) -> dict[str, object]:
    return {
        "id": str(number),
        "type": ("PushEvent", "WatchEvent")[number % 2],
        "actor": {"id": number % 11, "login": f"user-{number % 11}"},
        "repo": {"id": number % 7, "name": f"owner-{number % 2}/repo-{number % 7}"},
        "public": True,
        "created_at": moment(number),
    }


def moment(number: int) -> str:
    """Two of three events are of one evening, over and over, and the others go on into the night."""
    seconds = number * 17 % 3_600 if number % 3 else number * 31
    return f"2024-05-{1 + (79_200 + seconds) // 86_400:02}T{(22 + seconds // 3600) % 24:02}:{seconds // 60 % 60:02}:00Z"


SOURCES: dict[str, Callable[[int], dict[str, object]]] = {"user_interactions": interaction, "github_events": github}


class Relay:
    """One home, in which processes refresh a source by one engine or another, each with fresh events."""

    def __init__(self, line, broker, source: str) -> None:
        self.line = line
        self.broker = broker
        self.source = load_sources().get(source)
        self.rounds = 0
        ensure_topic(broker, self.source.topic)

    def publish(self) -> None:
        """Publish fresh events, some of them twice, and rubbish."""
        first = self.rounds * EVENTS
        values = [json.dumps(SOURCES[self.source.name](number)).encode() for number in range(first, first + EVENTS)]
        with Publisher(self.broker, self.source.topic) as publisher:
            publisher.publish(Event(value=each) for each in [*values, *values[:AGAIN], *[b"rubbish"] * RUBBISH])
        self.rounds += 1

    def refresh(self, engine: str) -> None:
        process = self.line.start("refresh", self.source.name, "--engine", engine)
        out, err = process.communicate(timeout=MOST_SECONDS)
        assert process.returncode == 0, (engine, out, err)

    def kill(self, engine: str, at: str) -> None:
        """Publish, and refresh in a process that is killed at a fault point, or when a layer has a new data file."""
        self.publish()
        fault = {VARIABLE: f"{at}=kill"} if "." in at else {}
        known = set(self.files(at))
        process = self.line.start("refresh", self.source.name, "--engine", engine, **fault)
        while not fault and process.poll() is None and known.issuperset(self.files(at)):
            time.sleep(0.002)
        if not fault:
            process.kill()
        out, err = process.communicate(timeout=MOST_SECONDS)
        assert process.returncode == -signal.SIGKILL, (engine, at, out, err)
        expect_all_ended(process.pid)

    def files(self, layer: str) -> Iterator[Path]:
        return (self.line.lake / self.source.name / layer).rglob("[!.]*.parquet")

    def check(self) -> None:
        """Check that what was published is in the tables, each event once, and that everything verifies."""
        name, events = self.source.name, self.rounds * EVENTS
        assert len(self.line.rows(f"{name}/bronze")) == self.rounds * (EVENTS + AGAIN + RUBBISH)
        assert Counter(row["event_id"] for row in self.line.rows(f"{name}/silver")) == Counter(map(str, range(events)))
        assert len(self.line.rows(f"{name}/quarantine")) == self.rounds * RUBBISH
        assert "Everything holds." in self.line.ok("verify", name)


def expect_all_ended(session: int) -> None:
    """Check that all processes of a session end by themselves, and soon: a killed command's JVM and its workers."""
    until = time.monotonic() + 20
    while left := [each for each in psutil.process_iter(["cmdline"]) if session_of(each) == session]:
        assert time.monotonic() < until, [each.info["cmdline"][-3:] for each in left]
        time.sleep(0.05)


def session_of(process: psutil.Process) -> int | None:
    try:
        return None if process.status() == psutil.STATUS_ZOMBIE else os.getsid(process.pid)
    except (ProcessLookupError, psutil.NoSuchProcess):
        return None


@pytest.fixture
def relay(command_line, broker) -> Callable[[str], Relay]:
    command_line.environment["STREAMING_ASSETS_SPARK_MASTER"] = "local[2]"
    return lambda source: Relay(command_line, broker, source)


@pytest.mark.parametrize(
    ("source", "moments"),
    [("user_interactions", AT_SPARK), ("github_events", ("quarantine.computed", "silver", "gold.committed"))],
)
def test_killed_engines_take_turns(relay, source, moments):
    """Wherever a Spark is killed, no JVM lives on, and the embedded engine goes on, and Spark where that is killed."""
    tables = relay(source)
    for engine in ("spark", "embedded"):
        tables.publish()
        tables.refresh(engine)
    tables.check()
    for at_spark, at_embedded in zip(moments, itertools.cycle(AT_EMBEDDED), strict=False):
        tables.kill("spark", at_spark)
        tables.kill("embedded", at_embedded)
    tables.publish()
    tables.refresh("spark")
    tables.check()
    tables.refresh("embedded")
    tables.check()
