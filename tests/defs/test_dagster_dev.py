"""The real `dagster dev` with the code location of `workspace.yaml`: webserver, daemon, sensors and runs."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from streaming_assets.contract import Event
from streaming_assets.defs.instance import prepare_instance
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.topics import ensure_topic, topic_state
from streaming_assets.settings import load_settings
from tests.support.browser import opened_page
from tests.support.webserver import Webserver

pytestmark = [pytest.mark.broker, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 150

EVENT = b'{"timestamp":"2024-05-01T12:00:00Z","event":"join","user_id":"ada","video_id":"v"}'

LOADED = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"
RUNS = "{ runsOrError { ... on Runs { results { runId jobName status } } } }"
LAUNCH = """
mutation ($job: String!) {
  launchRun(executionParams: {selector: {
    repositoryName: "__repository__", repositoryLocationName: "streaming_assets", jobName: $job
  }}) { ... on LaunchRunSuccess { run { runId } } }
}
"""
TABLES = """
{ assetNodes { assetKey { path } isMaterializable assetMaterializations(limit: 1) { runId metadataEntries {
    label ... on IntMetadataEntry { intValue }
} } } }
"""
RELOAD = """
mutation { reloadRepositoryLocation(repositoryLocationName: "streaming_assets") { __typename } }
"""
STALENESS = "{ assetNodes { assetKey { path } isMaterializable staleStatus staleCauses { category reason } } }"
DONE = """
query ($run: ID!) { runOrError(runId: $run) { ... on Run {
  assetMaterializations { assetKey { path } }
  eventConnection { events { ... on AssetCheckEvaluationEvent { evaluation { checkName success } } } }
} } }
"""


class DagsterDev(Webserver):
    """A running `dagster dev`."""

    def runs(self, job: str) -> dict[str, str]:
        """Status of each run of a job, by run id."""
        results = self.ask(RUNS)["runsOrError"]["results"]
        return {run["runId"]: run["status"] for run in results if run["jobName"] == job}

    def end_of(self, job: str, run_id: str) -> str:
        """Wait until a run has ended; return its status."""
        return until(
            lambda: next(
                (each for each in [self.runs(job).get(run_id)] if each in {"SUCCESS", "FAILURE", "CANCELED"}), None
            )
        )

    def tables(self) -> dict[str, dict[str, Any]]:
        """The newest materialization of each table, by key."""
        return {
            "/".join(node["assetKey"]["path"]): next(iter(node["assetMaterializations"]), None)
            for node in self.ask(TABLES)["assetNodes"]
            if node["isMaterializable"]
        }


def until(look: Callable[[], Any]) -> Any:
    """Look again and again until there is something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            if found := look():
                return found
        time.sleep(0.5)
    pytest.fail(f"nothing came within {PATIENCE_SECONDS} seconds")


@pytest.fixture(scope="module")
def produce(broker, registry) -> Callable[..., int]:
    """Writes records to the topic of a source; returns how many records it holds then."""

    def write(source: str, *values: bytes) -> int:
        topic = registry.sources[source].topic
        ensure_topic(broker, topic)
        with Publisher(broker, topic) as publisher:
            publisher.publish(Event(value=value) for value in values)
        state = topic_state(broker, topic.name)
        return sum(state.high.values()) - sum(state.low.values())

    return write


@pytest.fixture(scope="module")
def webserver(broker, delete_topics, tmp_path_factory) -> Iterator[DagsterDev]:
    """`dagster dev` over a fresh home, without any topic of a source."""
    delete_topics()
    home = tmp_path_factory.mktemp("dev")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("STREAMING_ASSETS_HOME", str(home))
        environment.setenv("STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
        # A run that brings more than 20 records is killed, as if the machine had run out of memory.
        environment.setenv("STREAMING_ASSETS_BATCH_RECORDS", "10")
        environment.setenv("STREAMING_ASSETS_FAULT", "bronze.committed@3=kill")
        environment.setenv("DAGSTER_HOME", "")
        environment.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        prepare_instance(load_settings())
        with dagster_dev(port, home / "dev.log"):
            webserver = DagsterDev(f"http://127.0.0.1:{port}")
            until(lambda: webserver.ask(LOADED)["repositoriesOrError"].get("nodes"))
            yield webserver


@contextlib.contextmanager
def dagster_dev(port: int, log: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(ROOT / "workspace.yaml")]
    with log.open("wb") as output:
        # A session of its own: children that outlive the parent can be ended together with it.
        process = subprocess.Popen(
            [*command, "-h", "127.0.0.1", "-p", str(port)],
            cwd=log.parent,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


PLUGIN = """
from streaming_assets import EventSchema, EventSource, Field, GoldTable, ScalarType, SilverTable, Topic, hookimpl

NAME, NUMBER = Field(name="name", type=ScalarType.STRING), Field(name="number", type=ScalarType.LONG)


def gold(name, sql):
    return GoldTable(name=name, description="Names.", sql=sql, columns=(NAME, NUMBER), keys=("name",))


@hookimpl
def register_event_source():
    return EventSource(
        name="names",
        title="Names",
        description="Who came.",
        topic=Topic(name="TOPIC"),
        schema=EventSchema(fields=(Field(name="at", type=ScalarType.TIMESTAMP), NAME), event_time="at"),
        producer=lambda options: None,
        silver=SilverTable(description="Names.", sql="SELECT name FROM events", columns=(NAME,)),
        gold=(
            gold("counts", "SELECT name, count(*) AS number FROM silver GROUP BY name"),
            gold("lengths", "SELECT name, max(length(name)) AS number FROM silver GROUP BY name"),
        ),
    )
"""


@pytest.fixture
def names(broker, topic_factory, tmp_path, monkeypatch) -> Iterator[tuple[DagsterDev, Path]]:
    """`dagster dev` with one source, which has two Gold tables, and the module of its plugin."""
    topic = topic_factory(partitions=1)
    with Publisher(broker, topic) as publisher:
        publisher.publish([Event(value=b'{"at":"2024-05-01T12:00:00Z","name":"ada"}')])
    module, info = tmp_path / "site" / "plugin_names.py", tmp_path / "site" / "names-1.0.dist-info"
    info.mkdir(parents=True)
    module.write_text(PLUGIN.replace("TOPIC", topic.name), "utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: names\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text("[streaming_assets]\nnames = plugin_names\n", "utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("PYTHONPATH", str(module.parent))
    monkeypatch.setenv("STREAMING_ASSETS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    monkeypatch.setenv("STREAMING_ASSETS_DISABLED_PLUGINS", "github_events,user_interactions")
    monkeypatch.setenv("DAGSTER_HOME", "")
    prepare_instance(load_settings())
    with dagster_dev(port, tmp_path / "dev.log"):
        webserver = DagsterDev(f"http://127.0.0.1:{port}")
        until(lambda: webserver.ask(LOADED)["repositoriesOrError"].get("nodes"))
        yield webserver, module


def stale(webserver: DagsterDev) -> dict[str, object]:
    """What the asset graph shows of each table: how it stands, and why."""
    return {
        "/".join(node["assetKey"]["path"][1:]): (
            node["staleStatus"],
            [(cause["category"], cause["reason"]) for cause in node["staleCauses"]],
        )
        for node in webserver.ask(STALENESS)["assetNodes"]
        if node["isMaterializable"]
    }


@pytest.mark.long
def test_a_changed_query_shows_in_the_asset_graph_until_the_refresh(names):
    """After a reload, the Gold table whose SQL changed is stale for its code and no other one is, until a refresh."""
    webserver, module = names
    fresh = dict.fromkeys(["bronze", "silver", "quarantine", "gold/counts", "gold/lengths"], ("FRESH", []))
    until(lambda: stale(webserver) == fresh)  # the sensor sees to the first refresh
    code = module.read_text("utf-8")
    module.write_text(code.replace("count(*)", "2 * count(*)"), "utf-8")
    assert webserver.ask(RELOAD)["reloadRepositoryLocation"]["__typename"] == "WorkspaceLocationEntry"
    assert stale(webserver) == {**fresh, "gold/counts": ("STALE", [("CODE", "has a new code version")])}
    run_id = webserver.ask(LAUNCH, job="refresh_names")["launchRun"]["run"]["runId"]
    assert webserver.end_of("refresh_names", run_id) == "SUCCESS"
    assert stale(webserver) == fresh


def row_count(materialization: dict[str, Any]) -> int:
    (count,) = [each for each in materialization["metadataEntries"] if each["label"] == "dagster/row_count"]
    return count["intValue"]


@pytest.mark.long
def test_launched_refresh_fills_the_tables(webserver, produce):
    """A refresh launched by GraphQL succeeds in a process of its own, and Bronze has every record of the topic."""
    records = produce("user_interactions", EVENT)
    run_id = webserver.ask(LAUNCH, job="refresh_user_interactions")["launchRun"]["run"]["runId"]
    assert webserver.end_of("refresh_user_interactions", run_id) == "SUCCESS"
    assert row_count(webserver.tables()["user_interactions/bronze"]) == records


def test_sensor_refreshes_without_anybody(webserver, produce):
    """A new record reaches the tables by a run that the lag sensor launched."""
    records = produce("github_events", b"not json")

    def filled() -> str | None:
        bronze = webserver.tables()["github_events/bronze"]
        return bronze["runId"] if bronze and row_count(bronze) == records else None

    # Nobody else launches this job here: what is clicked in the asset graph runs as `__ASSET_JOB`.
    assert until(filled) in webserver.runs("refresh_github_events")


@pytest.mark.long
def test_a_killed_run_is_made_good_without_anybody(webserver, produce):
    """A run whose process was killed between Bronze and Silver is followed by one that brings the rest."""
    before = set(webserver.runs("refresh_github_events"))
    records = produce("github_events", *[b"not json"] * 25)

    def filled() -> bool:
        tables = [webserver.tables()[f"github_events/{name}"] for name in ("bronze", "quarantine")]
        return all(table is not None and row_count(table) == records for table in tables)

    def ended() -> list[str]:
        runs = {run: status for run, status in webserver.runs("refresh_github_events").items() if run not in before}
        return sorted(set(runs.values()))

    assert until(lambda: filled() and ended() == ["FAILURE", "SUCCESS"])


@pytest.mark.browser
def test_materialize_all_by_hand(webserver):
    """A click on "Materialize all" fills every table of every source in one run, and runs all checks."""
    with opened_page() as page:
        page.goto(f"{webserver.url}/asset-groups")
        page.get_by_role("button", name=re.compile("Materialize all")).click()
        run_id = next(iter(until(lambda: webserver.runs("__ASSET_JOB"))))
    assert webserver.end_of("__ASSET_JOB", run_id) == "SUCCESS"
    run = webserver.ask(DONE, run=run_id)["runOrError"]
    filled = {"/".join(each["assetKey"]["path"]) for each in run["assetMaterializations"]}
    checked = [event["evaluation"] for event in run["eventConnection"]["events"] if "evaluation" in event]
    assert (len(filled), filled) == (12, set(webserver.tables()))
    # For each of two sources those of a refresh (one of Bronze, two of Silver, one of quarantine), and those of all
    # that is stored (two of Bronze, three of Silver, one of quarantine, three of Gold).
    assert (len(checked), {each["success"] for each in checked if each["checkName"] != "quarantine_share"}) == (
        26,
        {True},
    )
