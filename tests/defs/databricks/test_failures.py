"""What goes wrong in a workspace ends a run with what was found and what to do, and shows no secret."""

from __future__ import annotations

import shutil
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from streaming_assets.lake import layout
from streaming_assets.lake.opening import open_or_create
from streaming_assets.lake.schemas import BRONZE

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::dagster.PreviewWarning"),  # raised by the Pipes library itself
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

SUBMIT = "/jobs/runs/submit"


def ending(workspace, *parts: str | None) -> None:
    workspace.ending = workspace.Ending(*parts)


@pytest.mark.parametrize(
    ("parts", "summary"),
    [
        (
            ("INTERNAL_ERROR", "FAILED", "CLOUD_FAILURE", "CLOUD_FAILURE", "No capacity of that kind in the zone"),
            "The compute of the job that was to do bronze of user_interactions did not start, or was lost.",
        ),
        (
            ("INTERNAL_ERROR", "FAILED", "CLUSTER_ERROR", "CLIENT_ERROR", "Library installation failed"),
            "The compute of the job that was to do bronze of user_interactions did not start, or was lost.",
        ),
        (
            ("INTERNAL_ERROR", None, "CLOUD_FAILURE", "CLOUD_FAILURE", "Quota of cores is used up: 10 of 10"),
            "The workspace, or the cloud below it, had no room for the job that was to do bronze of user_interactions.",
        ),
        (
            ("SKIPPED", "MAXIMUM_CONCURRENT_RUNS_REACHED", "MAX_CONCURRENT_RUNS_EXCEEDED", "CLIENT_ERROR", "2000 runs"),
            "The workspace, or the cloud below it, had no room for the job that was to do bronze of user_interactions.",
        ),
        (
            ("TERMINATED", "TIMEDOUT", "RUN_EXECUTION_ERROR", "CLIENT_ERROR", "Run timed out"),
            "The job that was to do bronze of user_interactions took longer than it may, and was ended.",
        ),
        (
            ("TERMINATED", "CANCELED", "USER_CANCELED", "CLIENT_ERROR", "Run cancelled by a person"),
            "The job that was to do bronze of user_interactions was cancelled in the workspace.",
        ),
        (
            ("INTERNAL_ERROR", "FAILED", "UNAUTHORIZED_ERROR", "CLIENT_ERROR", "No USE SCHEMA on main.streaming"),
            "The workspace did not let the job that was to do bronze of user_interactions do its work.",
        ),
        (
            ("TERMINATED", "FAILED", "RUN_EXECUTION_ERROR", "CLIENT_ERROR", "Workload failed"),
            "The job that was to do bronze of user_interactions failed.",
        ),
        (
            ("INTERNAL_ERROR", "FAILED", "RUN_EXECUTION_ERROR", "CLIENT_ERROR", "Task x failed with message: Workload"),
            "The job that was to do bronze of user_interactions failed.",
        ),
        (
            ("INTERNAL_ERROR", "FAILED", None, None, "Unexpected failure while waiting for the cluster to be ready"),
            "The compute of the job that was to do bronze of user_interactions did not start, or was lost.",
        ),
        (
            ("TERMINATED", "SUCCESS", "SUCCESS", "SUCCESS", ""),
            "The job that was to do bronze of user_interactions ended well, but what it had to tell did not arrive.",
        ),
    ],
    ids=lambda value: value[2] if isinstance(value, tuple) else "",
)
def test_an_end_of_the_run_is_told(far, workspace, parts, summary):
    """However the run of a job ends, Dagster's run ends with an error of its own, the state's message and a way out."""
    ending(workspace, *parts)
    told = far.fails()
    assert told.splitlines()[0] == summary
    assert parts[-1] in told
    assert "What to do: " in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("part", "refusal", "summary"),
    [
        (
            SUBMIT,
            (429, "RESOURCE_EXHAUSTED", "Too many requests"),
            "The Databricks workspace takes no more at the moment: could not launch the job",
        ),
        (
            SUBMIT,
            (403, "PERMISSION_DENIED", "You may not attach to the cluster"),
            "The Databricks workspace does not let us in: could not launch the job",
        ),
        (
            SUBMIT,
            (400, "INVALID_PARAMETER_VALUE", "Cluster 7 does not exist"),
            "The Databricks workspace does not know what it was asked for: could not launch the job",
        ),
        (
            "/runs/get",
            (503, "TEMPORARILY_UNAVAILABLE", "Back soon"),
            "The Databricks workspace refused: could not follow the job",
        ),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_a_refusal_is_told(far, workspace, part, refusal, summary):
    """What the workspace does not take ends the run with what was asked, its answer, and what to do."""
    workspace.startup_seconds = 60
    workspace.refusals[part] = workspace.Refusal(*refusal)
    told = far.fails()
    assert told.splitlines()[0] == f"{summary} for bronze of user_interactions."
    assert refusal[2] in told
    assert "What to do: " in told


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        ((401, "UNAUTHENTICATED", "Token is expired"), "does not let us in"),
        ((403, "PERMISSION_DENIED", "You may not view the run"), "does not let us in"),
        ((429, "REQUEST_LIMIT_EXCEEDED", "Too many requests"), "takes no more at the moment"),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_a_job_that_goes_on_is_told(far, workspace, refusal, error):
    """Where a job that was launched can't be followed any more, the run does not claim that nothing is written."""
    workspace.startup_seconds = 60
    workspace.refusals["/runs/get"] = workspace.Refusal(*refusal)
    told = far.fails()
    assert f"{error}: could not follow the job" in told
    assert "a job that was launched before goes on in the workspace" in told
    assert "nothing was read or written" not in told


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("status", [408, 500, 502, 504])
@pytest.mark.parametrize("part", [SUBMIT, "/runs/get"])
def test_a_failure_of_a_gateway_passes(far, workspace, part, status):
    """A launch or a look at it whose answer is lost once is asked for again, and one job runs."""
    ending(workspace, "INTERNAL_ERROR", "FAILED", "CLOUD_FAILURE", "CLOUD_FAILURE", "No capacity")
    workspace.refusals[part] = workspace.Refusal(status, "INTERNAL_ERROR", "Try again", times=1, afterwards=True)
    assert far.fails().startswith("The compute of the job that was to do bronze of user_interactions did not start")
    assert len(workspace.runs) == 1


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("method", ["HEAD", "PUT"])
def test_an_upload_that_is_cut_off_is_tried_again(far, workspace, method):
    """A wheel whose upload a gateway cuts off is sent again as a whole."""
    ending(workspace, "INTERNAL_ERROR", "FAILED", "CLOUD_FAILURE", "CLOUD_FAILURE", "No capacity")
    workspace.refusals[f"{method} /api/2.0/fs/files"] = workspace.Refusal(502, "BAD_GATEWAY", "Cut off", times=1)
    assert far.fails().startswith("The compute of the job that was to do bronze of user_interactions did not start")
    wheels = list(Path(workspace.volume).glob("wheels/*/*.whl"))
    assert [wheel.name for wheel in wheels if not zipfile.is_zipfile(wheel)] == []
    assert len(wheels) == 3


def test_an_output_that_is_not_told_hides_no_failure(far, workspace):
    """A job that breaks down is told as such where the workspace is too busy to show its output."""
    workspace.cluster = {"PYTHONHOME": "nowhere"}
    workspace.refusals["get-output"] = workspace.Refusal(429, "REQUEST_LIMIT_EXCEEDED", "Later")
    told = far.fails()
    assert told.splitlines()[0] == "The job that was to do bronze of user_interactions failed."
    assert "runs/1001" in told


def test_a_folder_that_stays_costs_nothing(far, workspace):
    """A job that did its work counts as done, with all it told, where its messages can't be deleted afterwards."""
    workspace.refusals["DELETE /api/2.0/fs/"] = workspace.Refusal(403, "PERMISSION_DENIED", "You may not delete")
    result = far.run_job(f"maintain_{far.source.name}")
    assert (result.success, [run.result_state for run in workspace.runs.values()]) == (True, ["SUCCESS"])
    assert list(Path(workspace.volume).glob("tmp/*/*.json"))


def test_a_job_that_is_not_there_names_the_setting(far):
    """An id that the workspace has no job of is one in a setting, which the run names."""
    told = far.fails(databricks_compute='{"job_id": 5}')
    assert "Job 5 does not exist." in told
    assert "mend STREAMING_ASSETS_DATABRICKS_COMPUTE" in told
    assert "DATABRICKS_HOST" not in told


def test_a_bad_token_is_told_and_not_shown(far, workspace):
    """A token that the workspace does not know ends the run; neither its text nor Dagster's log has the token."""
    bad = "dapi-which-is-old"
    workspace.profile.write_text(f"[DEFAULT]\nhost = {workspace.url}\ntoken = {bad}\nretry_timeout_seconds = 2\n")
    told = far.fails()
    assert told.startswith("The Databricks workspace does not let us in: could not upload streaming_assets-0.1.0-py3-")
    assert "renew the token" in told
    assert bad not in told + far.log()


def test_no_workspace_is_told(far, monkeypatch, tmp_path):
    """Without a host and a login, the run says which variables to set."""
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "there-is-none"))
    told = far.fails()
    assert told.startswith("There is no Databricks workspace to work in.")
    assert "DATABRICKS_HOST" in told


def test_a_workspace_out_of_reach_is_told(far, workspace):
    """A host that does not answer is named."""
    workspace.profile.write_text(
        "[DEFAULT]\nhost = http://127.0.0.1:9\ntoken = dapi-of-a-person\nretry_timeout_seconds = 1\n"
    )
    told = far.fails()
    assert told.startswith("The Databricks workspace refused: could not upload ")
    assert "http://127.0.0.1:9" in told


def test_a_missing_volume_is_told(far, workspace):
    """A volume that does not exist is named, with how to make it, before anything is launched."""
    shutil.rmtree(workspace.volume)
    told = far.fails()
    assert told.splitlines()[0] == f"There is no volume at {workspace.volume}."
    assert "CREATE VOLUME" in told
    assert workspace.runs == {}


def test_missing_settings_are_told(far, workspace):
    """Without a volume and a cluster that the workspace reaches, nothing is launched, and both are named."""
    told = far.fails(databricks_volume=None, kafka_bootstrap_servers=None)
    assert "STREAMING_ASSETS_DATABRICKS_VOLUME" in told
    assert "STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS" in told
    assert workspace.requests == []


def test_a_job_that_takes_too_long_is_cancelled(far, workspace):
    """A job that waits for its compute longer than it may is cancelled, and the run says after which time."""
    workspace.startup_seconds = 60
    started = time.monotonic()
    told = far.fails(databricks_timeout_minutes=0.01)
    assert told.startswith("The job that was to do bronze of user_interactions took longer than it may, and was ended.")
    assert "it had not ended after 0.01 minutes" in told
    assert "STREAMING_ASSETS_DATABRICKS_TIMEOUT_MINUTES" in told
    (run,) = workspace.runs.values()
    assert run.done.wait(5)
    assert (run.result_state, time.monotonic() - started < 50) == ("CANCELED", True)


def test_a_job_tells_its_own_error(far, workspace):
    """What a job finds out is told in its own words: here, that its secret scope has no key for pseudonyms."""
    workspace.secrets["streaming"] = {}
    told = far.fails()
    assert told.splitlines()[0] == "The settings can't be used."
    assert "`pseudonym_key` of the secret scope streaming" in told
    (run,) = workspace.runs.values()
    assert (run.result_state, "SettingsError" in run.output) == ("FAILED", True)


def test_what_was_told_before_a_failure_stays(far, workspace):
    """A job that maintains one table and fails at the next one has told of the first one, as a run here would have."""
    lake = Path(workspace.volume) / "lake"
    bronze = open_or_create(far.source, layout.bronze(far.source), lake, description="Records.")
    for batch in (1, 2):
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        row = {"topic": "t", "partition": 0, "offset": batch, "batch": batch, "timestamp_type": 0}
        times = {"timestamp": moment, "ingested_at": moment, "ingested_date": moment.date()}
        bronze.append(pa.Table.from_pylist([{**row, **times}], BRONZE), batch=batch, metadata={})
    log = layout.silver(far.source).path(lake) / "_delta_log" / f"{0:020}.json"
    log.parent.mkdir(parents=True)
    log.write_text("no JSON")

    result = far.run_job(f"maintain_{far.source.name}")
    assert not result.success
    (observed,) = [event for event in result.all_events if event.event_type_value == "ASSET_OBSERVATION"]
    said = observed.event_specific_data.asset_observation
    assert said.asset_key.path[-1] == "bronze"
    assert (said.metadata["files_before"].value, said.metadata["files_after"].value) == (2, 1)


def test_a_scope_that_does_not_exist_is_told(far):
    """A job that can't read its secret scope names it."""
    told = far.fails(databricks_secret_scope="nowhere")
    assert told.splitlines()[0].startswith("The Databricks workspace ")
    assert "read the secret scope nowhere" in told
    assert "mend STREAMING_ASSETS_DATABRICKS_SECRET_SCOPE" in told
    assert "Scope nowhere does not exist!" in told


def test_a_job_that_breaks_down_is_told(far, workspace):
    """A job that ends without a word of its own is told by what the workspace has of its output."""
    workspace.cluster = {"PYTHONHOME": "nowhere"}
    told = far.fails()
    assert told.splitlines()[0] == "The job that was to do bronze of user_interactions failed."
    assert "<no Python frame>" in told
    assert "runs/1001" in told
