"""How a job is launched: on which compute, with which wheels, and as what."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.filterwarnings("ignore::dagster.PreviewWarning"),  # raised by the Pipes library itself
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

CLUSTER = {"spark_version": "17.3.x-scala2.13", "node_type_id": "i3.xlarge", "num_workers": 1}


@pytest.fixture
def launched(far, workspace):
    """Launches the job of a table, which ends before its process starts; returns what the workspace was sent."""
    workspace.ending = workspace.Ending("INTERNAL_ERROR", None, "CLOUD_FAILURE", "CLOUD_FAILURE", "No capacity")

    def launch(table: str = "bronze", **settings):
        far.fails(table, **settings)
        return workspace.runs[max(workspace.runs)].request

    return launch


def test_on_serverless_compute(launched, workspace):
    """A serverless task names an environment whose dependencies are the wheels of the framework and of the plugins."""
    request = launched()
    (task,) = request["tasks"]
    (environment,) = request["environments"]
    assert task["environment_key"] == environment["environment_key"]
    names = [Path(path).name.split("-")[0] for path in environment["spec"]["dependencies"]]
    assert names == ["streaming_assets", "streaming_assets_github_events", "streaming_assets_user_interactions"]
    assert all(path.startswith(f"{workspace.volume}/wheels/") for path in environment["spec"]["dependencies"])
    assert {"new_cluster", "existing_cluster_id", "libraries"} & task.keys() == set()


def test_on_a_new_cluster(launched):
    """A new cluster is asked for as the setting says, in a mode that sees volumes, with the wheels as libraries."""
    request = launched(databricks_compute=json.dumps(CLUSTER))
    (task,) = request["tasks"]
    assert task["new_cluster"] == {**CLUSTER, "data_security_mode": "SINGLE_USER"}
    assert Path(task["libraries"][0]["whl"]).name == "streaming_assets-0.1.0-py3-none-any.whl"
    assert "environments" not in request


def test_a_new_cluster_is_asked_for_as_it_stands(launched):
    """What the SDK does not know of a cluster goes to the workspace all the same, which says whether it does."""
    asked = {**CLUSTER, "num_wokers": 5, "autoscale": "wide", "data_security_mode": "NEW_MODE"}
    (task,) = launched(databricks_compute=json.dumps(asked))["tasks"]
    assert task["new_cluster"] == asked


def test_a_time_out_of_less_than_a_second_is_one(launched):
    """A time-out is never sent as 0, which would be none."""
    assert launched(databricks_timeout_minutes=0.001)["timeout_seconds"] == 1


def test_on_a_cluster_that_there_is(launched):
    """A cluster that runs already is named by its id, and gets the wheels as libraries."""
    (task,) = launched(databricks_compute='{"existing_cluster_id": "1122-cluster"}')["tasks"]
    assert (task["existing_cluster_id"], len(task["libraries"])) == ("1122-cluster", 3)


def test_what_a_job_is_told(launched, far):
    """A task runs the wheel's entry point with source, step and the settings that were set, and may take so long."""
    request = launched(
        "gold/user_sessions", batch_records=7, kafka_sasl_username="reader", databricks_timeout_minutes=3
    )
    task = request["tasks"][0]["python_wheel_task"]
    told = dict(zip(task["parameters"][::2], task["parameters"][1::2], strict=True))
    assert (task["package_name"], task["entry_point"]) == ("streaming_assets", "streaming-assets-job")
    assert {name: told[name] for name in ("--source", "--step", "--table", "--rebuild")} == {
        "--source": "user_interactions",
        "--step": "gold",
        "--table": "user_sessions",
        "--rebuild": "false",
    }
    assert json.loads(told["--settings"]) == {
        "batch_records": 7,
        "databricks_secret_scope": "streaming",
        "databricks_volume": far.settings["databricks_volume"],
        "kafka_bootstrap_servers": "127.0.0.1:9",
        "kafka_sasl_username": "reader",
    }
    assert {"--dagster-pipes-context", "--dagster-pipes-messages"} < told.keys()
    assert (request["timeout_seconds"], len(request["idempotency_token"])) == (180, 64)


def test_secrets_are_not_sent(launched, workspace, far):
    """Of settings that are secrets, nothing is sent to the workspace: its jobs have a scope for them."""
    secret = "hunter2-of-kafka"
    request = launched(
        pseudonym_key=secret,
        kafka_sasl_password=secret,
        kafka_config={"ssl.key.password": secret},
        spark_kafka_config={"sasl.jaas.config": secret},
    )
    files = b"".join(path.read_bytes() for path in workspace.volume.rglob("*.json"))
    assert secret not in json.dumps(request) + files.decode() + far.log()


def test_a_wheel_is_uploaded_once(launched, workspace):
    """A second launch finds the wheels by their content, and uploads none."""
    launched()
    assert sorted(name for name in workspace.uploaded if name.endswith(".whl")) == [
        "streaming_assets-0.1.0-py3-none-any.whl",
        "streaming_assets_github_events-0.1.0-py3-none-any.whl",
        "streaming_assets_user_interactions-0.1.0-py3-none-any.whl",
    ]
    workspace.uploaded.clear()
    launched()
    assert [name for name in workspace.uploaded if name.endswith(".whl")] == []


def test_nothing_is_left_in_the_volume_but_wheels(launched, workspace):
    """What Dagster and a job said to each other is deleted with the job's end."""
    launched()
    left = [path.relative_to(workspace.volume).parts[0] for path in workspace.volume.rglob("*") if path.is_file()]
    assert set(left) == {"wheels"}


def test_the_bundles_job_is_run(launched, workspace):
    """A job that the bundle deployed is run by its id with the same arguments; it has wheels of its own."""
    names = ("source", "step", "table", "reason", "since", "rebuild", "min_files", "settings")
    names += ("accept_loss", "undo_foreign_writes", "dagster_pipes_context", "dagster_pipes_messages")
    parameters = [word for name in names for word in (f"--{name.replace('_', '-')}", f"{{{{job.parameters.{name}}}}}")]
    wheel = {"package_name": "streaming_assets", "entry_point": "streaming-assets-job", "parameters": parameters}
    workspace.jobs[7] = {
        "parameters": [{"name": name, "default": ""} for name in names],
        "tasks": [{"task_key": "refresh", "python_wheel_task": wheel}],
    }
    request = launched("gold/user_sessions", databricks_compute='{"job_id": 7}')
    sent = request["tasks"][0]["python_wheel_task"]["parameters"]
    told = dict(zip(sent[::2], sent[1::2], strict=True))
    assert (told["--source"], told["--step"], told["--table"]) == ("user_interactions", "gold", "user_sessions")
    assert json.loads(told["--settings"])["kafka_bootstrap_servers"] == "127.0.0.1:9"
    assert told["--dagster-pipes-context"]
    assert [path for _, path in workspace.requests if "/wheels/" in path] == []


def test_a_run_chooses_the_engine(far, workspace):
    """A run whose config names engine `databricks` is done by a job, whatever the settings say."""
    workspace.ending = workspace.Ending("INTERNAL_ERROR", None, "CLOUD_FAILURE", "CLOUD_FAILURE", "No capacity")
    config = {"resources": {"runtime": {"config": {"engine": "databricks"}}}}
    told = far.fails(engine="embedded", run_config=config)
    assert told.startswith("The compute of the job that was to do bronze of user_interactions did not start")


def test_one_source_has_the_engine(far, workspace):
    """A source that the settings give engine `databricks` is filled by jobs, and no other."""
    workspace.ending = workspace.Ending("INTERNAL_ERROR", None, "CLOUD_FAILURE", "CLOUD_FAILURE", "No capacity")
    told = far.fails(engine="embedded", source_engines='{"user_interactions": "databricks"}')
    assert told.startswith("The compute of the job")


def test_a_package_that_is_missing_is_told(far, monkeypatch):
    """Where dagster-databricks is not installed, a run says what to install."""
    for name in ("exchange", "launch"):
        monkeypatch.delitem(sys.modules, f"streaming_assets.defs.databricks.{name}", raising=False)
    for name in ("dagster_databricks", "dagster_databricks.pipes"):
        monkeypatch.setitem(sys.modules, name, None)
    told = far.fails()
    assert told.splitlines()[0] == "Engine `databricks` is not installed."
    assert "pip install 'streaming-assets[databricks]'" in told


def test_every_kind_of_step_goes_to_the_workspace(far, workspace):
    """Checks, replays and maintenance of such a source are done by jobs as well, as its tables can't be seen here."""
    workspace.ending = workspace.Ending("INTERNAL_ERROR", None, "CLOUD_FAILURE", "CLOUD_FAILURE", "No capacity")
    for name in ("verify", "replay_quarantine", "maintain"):
        assert not far.run_job(f"{name}_user_interactions").success
    sent = [run.request["tasks"][0]["python_wheel_task"]["parameters"] for run in workspace.runs.values()]
    steps = [words[words.index("--step") + 1] for words in sent]
    assert (set(steps), steps.count("verify")) == ({"verify", "replay", "maintain"}, 6)


def test_wheels_hold_the_project(launched, workspace):
    """An uploaded wheel has the package, its entry points, and no bytecode."""
    launched()
    (path,) = workspace.volume.glob("wheels/*/streaming_assets-0.1.0-py3-none-any.whl")
    names = zipfile.ZipFile(io.BytesIO(path.read_bytes())).namelist()
    assert {"streaming_assets/defs/databricks/job.py", "streaming_assets-0.1.0.dist-info/entry_points.txt"} <= set(
        names
    )
    assert [name for name in names if name.endswith(".pyc")] == []
