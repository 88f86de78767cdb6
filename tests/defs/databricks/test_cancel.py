"""Ending a run of Dagster ends its job in the workspace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import dagster as dg
import pytest

pytestmark = pytest.mark.long

KAFKA = "127.0.0.1:9"


def until(holds, seconds: float = 90) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.05)


@pytest.fixture
def run_of_dagster(workspace, tmp_path):
    """A process of Dagster that refreshes `user_interactions` by jobs, and where it keeps its runs."""
    home = tmp_path / "dagster"
    home.mkdir()
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "STREAMING_ASSETS_HOME": str(tmp_path / "home"),
        "STREAMING_ASSETS_ENGINE": "databricks",
        "STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS": KAFKA,
        "STREAMING_ASSETS_DATABRICKS_VOLUME": str(workspace.volume),
        "STREAMING_ASSETS_DATABRICKS_SECRET_SCOPE": "streaming",
        "STREAMING_ASSETS_DATABRICKS_POLL_SECONDS": "0.1",
    }
    what = ["-m", "streaming_assets.definitions", "-j", "refresh_user_interactions"]
    command = [sys.executable, "-m", "dagster", "job", "execute", *what]
    with (tmp_path / "dagster.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    yield process, home
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("state", ["PENDING", "RUNNING"])
def test_ending_a_run_cancels_its_job(state, run_of_dagster, workspace):
    """A run of Dagster that is ended cancels its job, which waits for compute or works, and counts as not done."""
    process, home = run_of_dagster
    workspace.startup_seconds = 120 if state == "PENDING" else 0
    until(lambda: any(run.life_cycle_state == state for run in workspace.runs.values()))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        # As the button Terminate does it: the run is marked, and its process is told.
        (record,) = instance.get_run_records()
        instance.report_run_canceling(record.dagster_run)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=90)
    (run,) = workspace.runs.values()
    assert run.done.wait(5)
    assert (run.cancelled, run.result_state) == (True, "CANCELED")
    assert run.process is None or run.process.poll() is not None
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (record,) = instance.get_run_records()
        events = [
            entry.dagster_event for entry in instance.all_logs(record.dagster_run.run_id) if entry.is_dagster_event
        ]
    assert record.dagster_run.status is dg.DagsterRunStatus.CANCELED
    assert [event.event_type_value for event in events if event.is_step_materialization] == []
