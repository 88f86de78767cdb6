"""The bundle `databricks.yml`: its job is the one that assets can launch."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from streaming_assets.settings import load_settings

pytest.importorskip("databricks.sdk", reason="engine `databricks` is not installed")

from streaming_assets.databricks.compute import ENTRY_POINT, ENVIRONMENT_VERSION, PACKAGE
from streaming_assets.defs.databricks.request import PASSED, arguments, read_request
from streaming_assets.defs.steps import Step

ROOT = Path(__file__).parents[3]
BUNDLE = yaml.safe_load((ROOT / "databricks.yml").read_text("utf-8"))
TARGETS = ("serverless", "classic")


def job(target: str, **variables: str | int) -> dict[str, object]:
    """Return the job of a target with its variables put in, as the CLI would deploy it."""
    defaults = {name: each["default"] for name, each in BUNDLE["variables"].items() if "default" in each}
    text = json.dumps(BUNDLE["targets"][target]["resources"]["jobs"]["streaming_assets"])
    for name, value in {**defaults, **variables}.items():
        # A variable that stands alone keeps its type.
        text = text.replace(f'"${{var.{name}}}"', json.dumps(value)).replace(f"${{var.{name}}}", str(value))
    return json.loads(text)


def given(job: dict[str, object], **values: str) -> list[str]:
    """Return the words that its task gets for values of its parameters."""
    chosen = {**{each["name"]: each["default"] for each in job["parameters"]}, **values}
    (task,) = job["tasks"]
    words = task["python_wheel_task"]["parameters"]
    named = {f"{{{{job.parameters.{name}}}}}": value for name, value in chosen.items()}
    return [named.get(word, word) for word in words]


def test_there_is_one_target_for_each_kind_of_compute():
    """The bundle has a target for serverless compute, which is the default, and one for a classic cluster."""
    assert tuple(BUNDLE["targets"]) == TARGETS
    assert [name for name, target in BUNDLE["targets"].items() if target.get("default")] == ["serverless"]


@pytest.mark.parametrize("target", TARGETS)
def test_the_entry_point_exists(target):
    """The task runs the entry point that the package's metadata has, and that launches name."""
    (task,) = job(target)["tasks"]
    wheel = task["python_wheel_task"]
    assert (wheel["package_name"], wheel["entry_point"]) == (PACKAGE, ENTRY_POINT)
    (found,) = [each for each in metadata.distribution(PACKAGE).entry_points if each.name == ENTRY_POINT]
    assert callable(found.load())


@pytest.mark.parametrize("target", TARGETS)
def test_every_argument_of_a_launch_is_a_parameter(target):
    """Whatever a launch tells a job is a parameter of the bundle's, which reads it as it was meant."""
    settings = load_settings(databricks_volume="/Volumes/a/b/c", kafka_bootstrap_servers="k:9092", batch_records=7)
    steps = [
        Step(kind="gold", table="t", rebuild=True),
        Step(kind="bronze", accept_loss=True),
        Step(kind="refresh", undo_foreign_writes=True),
        Step(kind="replay", reason="missing_field", since="2h"),
        Step(kind="maintain", min_files=9),
    ]
    for step in steps:
        told = arguments("shop", step, settings)
        told |= {"--dagster-pipes-context": "c", "--dagster-pipes-messages": "m"}
        request = read_request(given(job(target), **{name[2:].replace("-", "_"): told[name] for name in told}))
        assert (request.source, request.step) == ("shop", step)
        assert request.settings["batch_records"] == 7
        assert sorted(request.pipes.values()) == ["c", "m"]


@pytest.mark.parametrize("target", TARGETS)
def test_without_dagster_it_refreshes_a_source(target):
    """With no parameter but those of its variables, the job refreshes a source, with settings that a job takes."""
    words = given(job(target, volume="/Volumes/a/b/c", kafka_bootstrap_servers="k:9092"))
    request = read_request(words)
    assert (request.source, request.step, request.pipes) == ("user_interactions", Step(kind="refresh"), {})
    assert request.settings == {
        "databricks_volume": "/Volumes/a/b/c",
        "databricks_secret_scope": "streaming_assets",
        "kafka_bootstrap_servers": "k:9092",
    }
    assert request.settings.keys() <= PASSED


@pytest.mark.parametrize("target", TARGETS)
def test_its_time_out_can_be_raised(target):
    """A job may take as long as Dagster lets it by default, or as long as its variable says."""
    assert job(target)["timeout_seconds"] == load_settings().databricks_timeout_minutes * 60
    assert job(target, timeout_seconds=9000)["timeout_seconds"] == 9000


def test_wheels_are_built_and_installed():
    """Each wheel that the bundle builds is a project of this repository, and both targets install all of them."""
    folders = [each["path"] for each in BUNDLE["artifacts"].values()]
    assert [folder for folder in folders if not (ROOT / folder / "pyproject.toml").exists()] == []
    wanted = {f"./{Path(folder) / 'dist' / '*.whl'}" for folder in folders}
    (environment,) = job("serverless")["environments"]
    assert set(environment["spec"]["dependencies"]) == wanted
    assert environment["spec"]["environment_version"] == ENVIRONMENT_VERSION
    (task,) = job("classic")["tasks"]
    assert {each["whl"] for each in task["libraries"]} == wanted


@pytest.mark.filterwarnings("ignore::dagster.PreviewWarning", "ignore::DeprecationWarning")
def test_a_disabled_plugin_is_not_loaded_by_a_job(far, workspace):
    """A job leaves out the plugins that are disabled where Dagster runs, though its compute has them."""
    deployed = job("serverless", volume="/Volumes/not/the/one", kafka_bootstrap_servers="not:1")
    deployed.pop("environments")
    workspace.jobs[77] = deployed
    told = far.fails(databricks_compute='{"job_id": 77}', disabled_plugins="user_interactions")
    assert told.splitlines()[0] == "There is no source 'user_interactions'."
    assert "one of: github_events" in told


@pytest.mark.filterwarnings("ignore::dagster.PreviewWarning", "ignore::DeprecationWarning")
def test_assets_launch_the_bundles_job(far, workspace):
    """With the id of the bundle's job as compute, a step is a run of it, which really starts and tells Dagster."""
    deployed = job("serverless", volume="/Volumes/not/the/one", kafka_bootstrap_servers="not:1")
    deployed.pop("environments")  # here, the job's process has the packages of this environment
    workspace.jobs[77] = deployed
    workspace.secrets["streaming"] = {}
    told = far.fails(databricks_compute='{"job_id": 77}')
    assert "`pseudonym_key` of the secret scope streaming" in told
    assert [path for _, path in workspace.requests if path.endswith("/jobs/run-now")] != []
