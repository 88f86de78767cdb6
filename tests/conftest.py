"""Fixtures that more than one room uses."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from deltalake import DeltaTable

from streaming_assets.contract import Event, EventSource, Topic
from streaming_assets.engines.factory import make_engine
from streaming_assets.errors import BrokerError, StreamingAssetsError
from streaming_assets.kafka.broker import connect
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.java import find_java
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.topics import ensure_topic, topic_state
from streaming_assets.lake import layout
from streaming_assets.lake.opening import open_table
from streaming_assets.lake.tables import LakeTable
from streaming_assets.layers.refresh import SourceRefresh, Step
from streaming_assets.layers.verify import verify
from streaming_assets.registry import load_sources
from streaming_assets.settings import PREFIX, Settings, load_settings

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
TOPICS = ("logs_raw", "user_interactions")

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """A connection to a real broker that lives for the whole session."""
    try:
        find_java()
    except BrokerError as error:
        pytest.skip(error.summary)
    home = tmp_path_factory.mktemp("broker")
    with connect(load_settings(home=home, kafka_bootstrap_servers=None, kafka_port=0)) as connection:
        yield connection


@pytest.fixture(scope="session")
def topic_factory(broker):
    """Creates topics of names never used before, from the attributes of `Topic`."""

    def create(**attributes) -> Topic:
        topic = Topic(name=f"topic-{next(_numbers)}", **attributes)
        ensure_topic(broker, topic)
        return topic

    return create


@pytest.hookimpl(tryfirst=True)  # before tests are selected by their marks
def pytest_collection_modifyitems(items):
    """Give tests that start Spark what all of them need."""
    for item in items:
        if item.get_closest_marker("spark"):
            item.add_marker(pytest.mark.long)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(600))  # on a new machine Spark brings its packages first
            # PySpark leaves its own to be closed by Python.
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))


@pytest.fixture(scope="session")
def spark_settings():
    """Settings of engine `spark` on two cores of this machine."""
    pytest.importorskip("pyspark", reason="engine `spark` is not installed: pyspark is missing")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("engine `spark` needs Java 17: there is no `java`")
    return {"spark_master": "local[2]", "spark_config": {"spark.sql.shuffle.partitions": "2"}}


@pytest.fixture(scope="session")
def github_data():
    """The folder of real GitHub data."""
    if not (SHARED_DATA / "github").is_dir():
        pytest.skip("the real data (../shared/data) is not there")
    return SHARED_DATA / "github"


@pytest.fixture(scope="session")
def delete_topics(broker):
    """Deletes topics, where they exist: those of the sources if none are named."""
    return lambda *names: _delete_topics(broker, names or TOPICS)


def _delete_topics(connection: Connection, names: Collection[str] = TOPICS) -> None:
    admin = AdminClient(connection.client_config())
    present = [name for name in names if topic_state(connection, name) is not None]
    for deleted in admin.delete_topics(present).values() if present else ():
        deleted.result(30)
    # The controller answers before the broker that describes topics has heard of it.
    while any(topic_state(connection, name) is not None for name in present):
        time.sleep(0.02)


def rows_of(path: Path) -> list[dict[str, object]]:
    """Return all rows of a Delta table, read by nothing but the Delta library."""
    return DeltaTable(str(path)).to_pyarrow_table().to_pylist()


class Flow:
    """One source on the session's broker, with a topic and a home of its own, refreshed in this process."""

    def __init__(self, source: EventSource, settings: Settings, connection: Connection) -> None:
        self.source = source
        self.settings = settings
        self.connection = connection
        ensure_topic(connection, source.topic)

    def publish(self, values: Iterable[bytes]) -> None:
        """Publish events by the framework's publisher."""
        with Publisher(self.connection, self.source.topic) as publisher:
            publisher.publish(Event(value=value) for value in values)

    def steps(self, **how: bool) -> Iterator[Step]:
        """Refresh all tables, step by step; keyword arguments are those of `SourceRefresh`."""
        engine = make_engine(self.settings, self.connection)
        try:
            yield from SourceRefresh(self.source, self.settings, engine, self.connection, **how).run()
        finally:
            engine.close()

    def refresh(self, **how: bool) -> list[Step]:
        """Refresh all tables."""
        return list(self.steps(**how))

    def refused(self, kind: type[StreamingAssetsError], **how: bool) -> StreamingAssetsError:
        """Refresh, which must end with an error of exactly that kind and change nothing; return the error."""
        before = self.versions()
        with pytest.raises(kind) as caught:
            self.refresh(**how)
        assert type(caught.value) is kind
        assert self.versions() == before
        return caught.value

    def faults(self) -> list[object]:
        """Return the findings of `verify` that do not hold."""
        engine = make_engine(self.settings, None)
        try:
            return [finding for finding in verify(self.source, engine, self.connection) if not finding.passed]
        finally:
            engine.close()

    def path(self, table: str) -> Path:
        """Return the folder of `bronze`, `silver`, `quarantine` or `gold/<table>`."""
        return self.settings.lake_path / self.source.name / table

    def bronze(self) -> LakeTable:
        """Open Bronze."""
        return open_table(layout.bronze(self.source), self.settings.lake_path)

    def rows(self, table: str) -> list[dict[str, object]]:
        """Return all rows of a table."""
        return rows_of(self.path(table))

    def records(self) -> Counter[tuple[object, ...]]:
        """Return Bronze's records as (partition, offset, key, value), as a plain reader of the topic tells them."""
        return Counter((row["partition"], row["offset"], row["key"], row["value"]) for row in self.rows("bronze"))

    def counts(self) -> tuple[int, int, int]:
        """Return the rows of Bronze, Silver and quarantine."""
        return len(self.rows("bronze")), len(self.rows("silver")), len(self.rows("quarantine"))

    def forget_log(self) -> None:
        """Delete all of Bronze's log but a checkpoint, as log retention does: no commit tells the position."""
        path = str(self.path("bronze"))
        DeltaTable(path).alter.set_table_properties({"delta.logRetentionDuration": "interval 0 days"})
        delta = DeltaTable(path)
        delta.create_checkpoint()
        delta.cleanup_metadata()
        assert not any("positions" in commit.get("userMetadata", "") for commit in DeltaTable(path).history())

    def versions(self) -> dict[str, int]:
        """Return the version of every table, by folder."""
        root = self.settings.lake_path / self.source.name
        logs = root.rglob("_delta_log")
        return {str(log.parent.relative_to(root)): DeltaTable(str(log.parent)).version() for log in logs}


@pytest.fixture
def flow_factory(broker, tmp_path):
    """Makes flows of a source by its name, on another broker if one is given; keyword arguments are settings."""

    def make(name: str, connection: Connection = broker, **settings: object) -> Flow:
        source = load_sources().get(name)
        number = next(_numbers)
        source = replace(source, topic=replace(source.topic, name=f"{source.topic.name}-{number}"))
        chosen = {"home": tmp_path / f"home-{number}", "lake": None, "threads": 2, **settings}
        return Flow(source, load_settings(**chosen), connection)

    return make


class CommandLine:
    """The command line as a person has it: processes in a folder of its own, 80 columns wide."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.command: Sequence[str | Path] = (sys.executable, "-m", "streaming_assets")
        self.home = folder / ".streaming_assets"
        self.lake = self.home / "lake"
        inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}
        for name in ("PYTHONDONTWRITEBYTECODE", "FORCE_COLOR", "DAGSTER_HOME"):
            inherited.pop(name, None)
        self.environment = {**inherited, "COLUMNS": "80", **variables}
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: object, **variables: str) -> subprocess.Popen[str]:
        """Start a command in a session of its own; standard output and error can be read."""
        process = subprocess.Popen(
            [*self.command, *map(str, arguments)],
            cwd=self.folder,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        process = self.start(*arguments, **variables)
        out, err = process.communicate(timeout=180)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def program(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run a program of Python to its end, which must succeed, where the command line runs."""
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def ok(self, *arguments: object, **variables: str) -> str:
        """Run a command that must succeed; return what it wrote to standard output."""
        done = self.run(*arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def fails(self, *arguments: object, **variables: str) -> str:
        """Run a command that must end with exit code 1 and tell an error; return its text without rule and wraps."""
        done = self.run(*arguments, **variables)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return " ".join(done.stderr.replace("─", " ").split())

    def json(self, *arguments: object, **variables: str) -> object:
        """Run a command that must succeed with `--json`; return the document."""
        return json.loads(self.ok(*arguments, "--json", **variables))

    def install(self, name: str, code: str, *, module: str | None = None) -> None:
        """Install a plugin: a module of that code, and an entry point of that name."""
        site = self.folder / "site"
        package = re.sub(r"\W", "_", name)
        info = site / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        module = module or f"plugin_{package}"
        (site / f"{module}.py").write_text(code, "utf-8")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", "utf-8")
        (info / "entry_points.txt").write_text(f"[streaming_assets]\n{name} = {module}\n", "utf-8")
        self.environment["PYTHONPATH"] = str(site)

    def rows(self, table: str) -> list[dict[str, object]]:
        """Return all rows of a table, such as `github_events/silver`."""
        return rows_of(self.lake / table)

    def end(self) -> None:
        """Kill what is left of the processes that were started."""
        for process in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture(scope="session")
def new_command_line() -> Iterator[Callable[..., CommandLine]]:
    """Makes command lines in a folder, with variables."""
    made: list[CommandLine] = []

    def make(folder: Path, **variables: str) -> CommandLine:
        made.append(CommandLine(folder, **variables))
        return made[-1]

    yield make
    for line in made:
        line.end()


@pytest.fixture
def offline(new_command_line, tmp_path) -> CommandLine:
    """The command line in an empty folder, without a broker."""
    return new_command_line(tmp_path)


@pytest.fixture
def command_line(broker, new_command_line, tmp_path) -> CommandLine:
    """The command line in an empty folder, with the session's broker and without any topic of a source."""
    _delete_topics(broker)
    return new_command_line(tmp_path, STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers)


@pytest.fixture(scope="module")
def filled_once(broker, delete_topics, new_command_line, tmp_path_factory) -> CommandLine:
    """A command line that the tests of a module fill once, without any topic of a source; they work in copies of it."""
    delete_topics()
    variables = {"STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers}
    return new_command_line(tmp_path_factory.mktemp("filled"), **variables)


@pytest.fixture
def copy_of(new_command_line, tmp_path) -> Callable[[CommandLine], CommandLine]:
    """Makes a command line in a copy of another one's folder, over the same topics."""

    def copy(line: CommandLine) -> CommandLine:
        folder = tmp_path / "copy"
        shutil.copytree(line.folder, folder)
        variables = {name: value.replace(str(line.folder), str(folder)) for name, value in line.environment.items()}
        return new_command_line(folder, **variables)

    return copy
