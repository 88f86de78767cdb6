"""The example of a source, as a stranger installs and runs it: from wheels, without a checkout."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.long, pytest.mark.broker, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
FREE_PORTS = {"STREAMING_ASSETS_DAGSTER_PORT": "0", "STREAMING_ASSETS_DASHBOARD_PORT": "0"}
GOLD = ("demand", "rides", "stations")
CHARTS = (
    *("Hires by station", "Kilometres ridden", "Riders by station, latest quarter", "Longest rides"),
    *("Bikes at the stations", "Emptiest battery, percent"),
)
METRICS = ("Rides", "Mean ride, minutes", "Longest ride, km")
PATIENCE_SECONDS = 180
LOCATION = "streaming_assets.definitions"

ASSETS = "{ assetNodes { assetKey { path } isMaterializable } }"
LAUNCH = """
mutation ($location: String!, $assets: [AssetKeyInput!]) {
  launchRun(executionParams: {selector: {
    repositoryName: "__repository__", repositoryLocationName: $location, jobName: "__ASSET_JOB", assetSelection: $assets
  }}) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}
"""
RUN = """
query ($run: ID!) { runOrError(runId: $run) { ... on Run {
  status
  assetMaterializations { assetKey { path } }
  eventConnection { events { ... on AssetCheckEvaluationEvent { evaluation { checkName success } } } }
} } }
"""
RELOAD = "mutation ($location: String!) { reloadRepositoryLocation(repositoryLocationName: $location) { __typename } }"


def until(look):
    """Look again until something is found; return it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def started(process) -> dict[str, str]:
    """Read where `up` says the parts are."""
    places = {}
    while "kafka" not in places:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        assert len(line) <= 80
        name, _, place = line.partition(" ")
        places[name] = place.strip()
    return places


def interrupt(process) -> None:
    """Press Ctrl-C; check that everything ends within a minute, without a word of an error."""
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 4
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in told) == (0, False), told
    _, alive = psutil.wait_procs(family, timeout=60)
    assert [each for each in alive if not is_zombie(each)] == []


def is_zombie(process: psutil.Process) -> bool:
    """Whether a process has ended and only nobody has reaped it yet."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def tables(webserver) -> set[str]:
    """The tables that the asset graph shows."""
    nodes = webserver.ask(ASSETS)["assetNodes"]
    return {"/".join(node["assetKey"]["path"]) for node in nodes if node["isMaterializable"]}


ALL_TABLES = {
    *(f"bike_hire/{layer}" for layer in ("bronze", "silver", "quarantine")),
    *(f"bike_hire/gold/{name}" for name in GOLD),
}


@pytest.fixture(scope="module")
def line(broker, wheels, installed):
    """The framework and the example in an environment of their own, with what the example's tests need."""
    requirements = (wheels.framework, f"streaming-assets-bike-hire[test] @ {wheels.example.as_uri()}")
    return installed(requirements, STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers)


def test_the_example_passes_its_own_tests(line):
    """In the clean environment, the example's tests pass on the installed package."""
    python = line.command[0].with_name("python")
    where = [python, "-c", "import streaming_assets, streaming_assets_bike_hire as b; print(b.__file__)"]
    found = subprocess.run(where, cwd=line.folder, env=line.environment, capture_output=True, text=True, check=True)
    assert not Path(found.stdout.strip()).is_relative_to(ROOT)

    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    environment = {**line.environment, "PYTHONDONTWRITEBYTECODE": "1"}
    folder = ROOT / "examples" / "bike_hire"
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_commands_work_without_a_checkout(line):
    """The plugin is listed and checked, its events become rows of every table, and the proof holds."""
    (source,) = line.json("plugins", "list")["sources"]
    assert (source["name"], source["gold"]) == ("bike_hire", [*GOLD])
    assert line.ok("plugins", "check") == "✓ bike_hire\n"
    line.ok("produce", "bike_hire", "--limit", "1000")
    line.ok("refresh")
    rows = {state["table"]: state["rows"] for state in line.json("tables")}
    assert rows["bike_hire.bronze"] == 1000
    assert rows["bike_hire.silver"] + rows["bike_hire.quarantine"] == 1000
    assert min(rows[f"bike_hire.gold.{name}"] for name in GOLD) > 0
    assert line.json("verify")["passed"] is True


def test_a_log_is_followed(line):
    """Lines of the log that the option names become rows, and those that do not fit are quarantined with a reason."""
    stations = '"bike": {"id": "b", "battery": 5}, "station": {"name": "Log"}'
    good = f'{{"id": "%s", "at": 1767268800000, "kind": "return", "rider": "ada", {stations}, "path": "%s"}}\n'
    (line.folder / "hire.log").write_text(good % ("whole", "_p~iF~ps|U_ulLnnqC") + good % ("cut", "_p~iF~ps|") + "{\n")
    before = len(line.rows("bike_hire/quarantine"))
    line.ok("produce", "bike_hire", "--limit", "3", STREAMING_ASSETS_BIKE_HIRE_LOG="hire.log")
    line.ok("refresh")
    (row,) = [row for row in line.rows("bike_hire/silver") if row["station"] == "Log"]
    assert (row["event_id"], row["km"], row["rider"] == "ada") == ("whole", pytest.approx(252.9, abs=1), False)
    newest = sorted(line.rows("bike_hire/quarantine"), key=lambda row: row["ingested_at"])[before:]
    assert {(row["reason"], row["field"]) for row in newest} == {("pattern_mismatch", "$.path"), ("not_json", None)}


@pytest.mark.browser
def test_up_shows_all_of_it(line, webserver, page):
    """Dagster fills and checks the tables when it is told to, the dashboard has every chart, and Ctrl-C ends all."""
    line.ok("produce", "bike_hire", "--limit", "500")
    process = line.start("up", **FREE_PORTS)
    places = started(process)
    dagster = webserver(places["dagster"])
    until(lambda: tables(dagster) == ALL_TABLES)
    assets = [{"path": name.split("/")} for name in ALL_TABLES]
    launched = dagster.ask(LAUNCH, location=LOCATION, assets=assets)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["runId"]
    ended = until(
        lambda: next(
            (
                run
                for run in [dagster.ask(RUN, run=run_id)["runOrError"]]
                if run["status"] in {"SUCCESS", "FAILURE", "CANCELED"}
            ),
            None,
        )
    )
    assert ended["status"] == "SUCCESS"
    assert {"/".join(each["assetKey"]["path"]) for each in ended["assetMaterializations"]} == ALL_TABLES
    checks = [event["evaluation"] for event in ended["eventConnection"]["events"] if "evaluation" in event]
    assert len(checks) >= 4
    assert [check for check in checks if not check["success"]] == []

    page.goto(places["dashboard"])
    page.get_by_role("heading", name="Bike hire").wait_for()
    for title in (*CHARTS, *METRICS):
        page.get_by_text(re.compile(rf"^{re.escape(title)}$")).first.wait_for()
    assert page.locator("[data-testid=stException]").count() == 0
    interrupt(process)


@pytest.fixture(scope="module")
def bare(wheels, installed):
    """The framework alone in an environment of its own, with a broker of its own."""
    return installed([wheels.framework])


@pytest.mark.parametrize("command", [["tables"], ["plugins", "list"], ["plugins", "check"]])
def test_a_command_without_any_source_says_so(bare, command):
    """Where no plugin is installed, a command says that there is no source, and what to do."""
    told = bare.run(*command).stderr
    assert told == "note there is no source: install a plugin, or write one by `streaming-assets plugins new NAME`\n"


@pytest.mark.browser
def test_a_plugin_is_installed_while_everything_runs(bare, wheels, webserver, page):
    """After `Reload definitions` its assets are in Dagster, and the open dashboard shows its tables by itself."""
    process = bare.start("up", **FREE_PORTS)
    places = started(process)
    dagster = webserver(places["dagster"])
    assert tables(dagster) == set()
    page.goto(places["dashboard"])
    page.get_by_text("No event source is loaded").wait_for()

    wheels.install(bare.command[0].parents[1], wheels.example)
    reloaded = dagster.ask(RELOAD, location=LOCATION)["reloadRepositoryLocation"]
    assert reloaded["__typename"] == "WorkspaceLocationEntry"
    assert tables(dagster) == ALL_TABLES
    page.get_by_role("heading", name="Bike hire").wait_for()

    bare.ok("produce", "bike_hire", "--limit", "1000")  # the sensor sees to the refresh
    for title in CHARTS:
        page.get_by_text(title, exact=True).wait_for(timeout=1000 * PATIENCE_SECONDS)
    interrupt(process)
