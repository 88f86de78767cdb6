"""The whole product beside plugins that do what no plugin should: each costs its own source, and no other one."""

from __future__ import annotations

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.hostile import LOADABLE, UNLOADABLE

DASHBOARD = Path(__file__).parents[1] / "dashboard"
REAL = ["github_events", "user_interactions"]
USERS = b'{"timestamp":"2024-05-01T12:00:00Z","event":"join","user_id":"ada","video_id":"v"}\n'
GITHUB = (
    b'{"id":"1","type":"PushEvent","actor":{"id":1,"login":"ada"},"repo":{"id":2,"name":"o/r"},'
    b'"public":true,"created_at":"2024-05-01T12:00:00Z"}\n'
)

LIMITS = {"STREAMING_ASSETS_PLUGIN_TIMEOUT_SECONDS": "5", "STREAMING_ASSETS_FUNCTION_TIMEOUT_SECONDS": "3"}

WAITING = ("made_hangs", "producer_hangs", "producer_spins")
SILENT = ("made_raises", "made_exits")
"""Their producers are never made, so that they have no topic."""
FAILING = (
    *("producer_raises", "producer_exits", "producer_ends", "producer_interrupts"),
    *("producer_gives_list", "producer_gives_text", "producer_gives_nan", "producer_gives_past", "producer_gives_word"),
    *("close_raises", "close_exits"),
)
UNREFINED = {name for name in LOADABLE if name.startswith("function_")} - {"function_changes"} | {"gold_fails"}

DAGSTER = """
import json, pathlib
import dagster as dg
from streaming_assets.definitions import defs

definitions = defs()
dg.Definitions.validate_loadable(definitions)
graph = definitions.resolve_asset_graph()
found = {"keys": [key.path for key in graph.get_all_asset_keys()]}
found["jobs"] = [job.name for job in definitions.get_repository_def().get_all_jobs()]
with dg.DagsterInstance.ephemeral() as instance:
    job = definitions.resolve_job_def("refresh_user_interactions")
    found["success"] = job.execute_in_process(instance=instance, raise_on_error=False).success
pathlib.Path("found.json").write_text(json.dumps(found))
"""

PAGE = f"""
import json, pathlib, sys
from streamlit.testing.v1 import AppTest

sys.path.append({str(DASHBOARD)!r})
page = AppTest.from_file({str(DASHBOARD / "app.py")!r}, default_timeout=120).run()
shown = [*page.markdown, *page.caption, *page.info, *page.warning, *page.error, *page.code]
found = {{
    "headers": [each.value for each in page.header],
    "exceptions": [each.message for each in page.exception],
    "errors": [each.value for each in page.error],
    "texts": [each.value for each in shown],
}}
pathlib.Path("found.json").write_text(json.dumps(found))
"""


def install(line, plugins):
    """Install plugins, and have those that hang left out soon."""
    line.environment |= LIMITS
    for name, code in plugins.items():
        line.install(name, code)


def found(line, code):
    """Return what a program found that runs where the command line does."""
    line.program(code)
    return json.loads((line.folder / "found.json").read_text())


def publish(line):
    """Publish an event of each real source."""
    for source, event in zip(REAL, (GITHUB, USERS), strict=True):
        (line.folder / source).write_bytes(event)
        line.ok("produce", source, "--replay", line.folder / source)


@pytest.fixture
def beside_unloadable(offline):
    """The command line beside all plugins that give no source, and one that changes its process."""
    install(offline, {**UNLOADABLE, "changes_process": LOADABLE["changes_process"]})
    offline.install("no_module", "", module="no name of a module")
    return offline


def test_plugins_that_give_no_source_are_told(beside_unloadable):
    """`plugins list` has both real sources and a reason for each plugin that is left out, and nothing but JSON."""
    listed = beside_unloadable.json("plugins", "list")
    assert [each["name"] for each in listed["sources"]] == ["changes_process", *REAL]
    assert sorted(each["name"] for each in listed["broken"]) == sorted([*UNLOADABLE, "no_module"])
    assert [each["name"] for each in listed["broken"] if not each["error"]] == []


@pytest.mark.long
def test_tables_of_real_sources_are_told_beside_them(beside_unloadable):
    """`tables` tells those of the sources that are there, and names on standard error what was left out."""
    done = beside_unloadable.run("tables", "--json")
    assert done.returncode == 0, done.stderr
    assert {each["table"].partition(".")[0] for each in json.loads(done.stdout)} == {"changes_process", *REAL}
    told = " ".join(done.stderr.split())
    assert [name for name in UNLOADABLE if f"left out {name}" not in told] == []


@pytest.mark.long
def test_check_tells_all_of_them(beside_unloadable):
    """`plugins check` finds a fault in each of them, and none in the others."""
    done = beside_unloadable.run("plugins", "check", "--json")
    checked = json.loads(done.stdout)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert sorted(each["name"] for each in checked) == sorted([*UNLOADABLE, "no_module"])
    assert [each["name"] for each in checked if not (each["error"] and each["faults"])] == []


def test_a_disabled_plugin_is_not_imported(offline):
    """What the settings leave out, by its name or its distribution's, does not even run."""
    for name in ("first", "second"):
        offline.install(name, "open('imported', 'w').close()", module=f"writing_{name}")
    listed = offline.json("plugins", "list", STREAMING_ASSETS_DISABLED_PLUGINS="first,second")
    assert (listed["disabled"], (offline.folder / "imported").exists()) == (["first", "second"], False)
    offline.ok("plugins", "list", STREAMING_ASSETS_DISABLED_PLUGINS="first")
    assert (offline.folder / "imported").exists()


def produced(line, name):
    """Run a producer to its end, or until it is told that it does not come back; then as by Ctrl-C."""
    process = line.start("produce", name)
    begun = ""
    if name in WAITING:
        while "has not come back" not in begun and (text := process.stderr.readline()):
            begun += text
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=180)
    return process.returncode, out, " ".join((begun + err).split())


@pytest.mark.long
@pytest.mark.broker
@pytest.mark.timeout(600)
def test_each_costs_its_own_source_alone(command_line):
    """Each plugin that misbehaves at work is told by name, and the real sources are refreshed and verified."""
    install(command_line, LOADABLE)
    publish(command_line)
    with ThreadPoolExecutor(4) as pool:
        results = dict(zip(LOADABLE, pool.map(lambda name: produced(command_line, name), LOADABLE), strict=True))
    codes = {name: code for name, (code, _, _) in results.items()}
    failed = {name for name, code in codes.items() if code == 1}
    assert failed == {*SILENT, *FAILING}, results
    assert {name for name in failed if name not in results[name][2]} == set()
    assert {name for name, (_, _, err) in results.items() if "Traceback" in err} == set()
    assert [
        results[name][2] for name in WAITING if f"the producer of {name} has not come back" not in results[name][2]
    ] == []
    sound = set(LOADABLE) - failed - {*WAITING}
    assert {name: results[name] for name in sound if not results[name][1].startswith("delivered 20 events")} == {}

    done = command_line.run("refresh", "--json")
    refreshed = {each["source"]: each for each in json.loads(done.stdout)}
    errors = {name: each["error"] for name, each in refreshed.items() if each["error"]}
    assert done.returncode == 1
    assert {*errors} == UNREFINED, errors
    assert {name for name, error in errors.items() if name not in error} == set()
    assert [refreshed[name]["silver"] for name in (*REAL, "changes_process", "function_changes")] == [1, 1, 20, 20]
    assert command_line.json("verify", *REAL)["passed"] is True
    everything = command_line.run("verify", "--json")
    assert {*json.loads(everything.stdout)["without_tables"]}.isdisjoint(REAL), everything.stderr


@pytest.mark.long
@pytest.mark.broker
@pytest.mark.timeout(400)
def test_dagster_has_the_real_sources(command_line):
    """The code location loads beside all of them, shows those that are left out, and runs a real source's job."""
    install(command_line, UNLOADABLE | LOADABLE)
    publish(command_line)
    definitions = found(command_line, DAGSTER)
    assert definitions["success"] is True
    assert {path[0] for path in definitions["keys"]} == {"broken-plugins", *REAL, *LOADABLE}
    assert {path[1] for path in definitions["keys"] if path[0] == "broken-plugins"} == {*UNLOADABLE}
    assert {f"refresh_{name}" for name in REAL} <= {*definitions["jobs"]}
    assert len(command_line.rows("user_interactions/silver")) == 1


@pytest.mark.long
@pytest.mark.timeout(400)
def test_the_dashboard_shows_the_real_sources(offline):
    """The page shows the real sources beside all of them, and names those that are left out."""
    install(offline, UNLOADABLE | LOADABLE)
    page = found(offline, PAGE)
    assert page["exceptions"] == []
    assert {"GitHub events", "User interactions"} <= {*page["headers"]}
    texts = "\n".join(page["texts"])
    assert [name for name in UNLOADABLE if name.isidentifier() and name not in texts.replace("\\", "")] == []
