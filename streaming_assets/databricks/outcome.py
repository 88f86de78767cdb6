"""How a run of a job ended, as one of our errors.

The states and codes are those of the Jobs API 2.2 (`runs/get`: `state`, `status.termination_details`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.jobs import Run, RunLifeCycleState, RunResultState

from streaming_assets.errors import (
    ComputeUnavailable,
    JobCancelled,
    JobError,
    JobFailed,
    JobTimedOut,
    QuotaExceeded,
    WorkspaceRefused,
)

KEPT = "what the job committed before stays, and is not done again"

_ENDED = {RunLifeCycleState.TERMINATED, RunLifeCycleState.SKIPPED, RunLifeCycleState.INTERNAL_ERROR}
_ENDING = {*_ENDED, RunLifeCycleState.TERMINATING}

_QUOTA = {
    "BUDGET_POLICY_LIMIT_EXCEEDED",
    "CLUSTER_REQUEST_LIMIT_EXCEEDED",
    "MAX_CONCURRENT_RUNS_EXCEEDED",
    "MAX_JOB_QUEUE_SIZE_EXCEEDED",
    "MAX_SPARK_CONTEXTS_EXCEEDED",
    "WORKSPACE_RUN_LIMIT_EXCEEDED",
}
_QUOTA_WORDS = ("quota", "resource_exhausted", "limit exceeded")
"""What clouds call it where the code only says that a cluster could not be had."""

_COMPUTE = {
    "CLOUD_FAILURE",
    "CLUSTER_ERROR",
    "DRIVER_ERROR",
    "INTERNAL_ERROR",
    "INVALID_CLUSTER_REQUEST",
    "LIBRARY_INSTALLATION_ERROR",
}


def has_ended(run: Run) -> bool:
    """Tell whether a run has come to its end."""
    return run.state is not None and run.state.life_cycle_state in _ENDED


def is_ending(run: Run) -> bool:
    """Tell whether nothing of a run works any more."""
    return run.state is not None and run.state.life_cycle_state in _ENDING


def failure_of(client: WorkspaceClient, run: Run, name: str) -> JobError | None:
    """Return why a run that has ended did not do its work; None if it did.

    Args:
        client: The workspace; it is asked for the error's text.
        run: The run.
        name: What the job was to do, as in "The job that <name>".
    """
    state = run.state
    if state is not None and state.result_state is RunResultState.SUCCESS:
        return None
    code, said = _termination(run)
    kind = _kind(run, code, said)
    output = _output(client, run) if kind is _failed else ""
    return kind(name, "; ".join(each for each in (output, code, said, run.run_page_url) if each))


def _kind(run: Run, code: str, said: str) -> Callable[[str, str], JobError]:
    ended, cycle = (run.state.result_state, run.state.life_cycle_state) if run.state else (None, None)
    if ended in _BY_RESULT:
        return _BY_RESULT[ended]
    if code in _QUOTA or _is_quota(code, said):
        return _quota
    # A task that failed by itself leaves its run in the state that lost compute does: only the code tells them apart.
    if code in _COMPUTE or (not code and cycle is RunLifeCycleState.INTERNAL_ERROR):
        return _no_compute
    return _unauthorized if code == "UNAUTHORIZED_ERROR" else _failed


def timed_out(name: str, found: str) -> JobTimedOut:
    """Return the error of a job that took too long."""
    return JobTimedOut(
        f"The job that {name} took longer than it may, and was ended.",
        found=found,
        expected="an end within STREAMING_ASSETS_DATABRICKS_TIMEOUT_MINUTES",
        meaning=KEPT,
        remedy="materialize again, as it goes on from there; if it had to wait for its compute, take other compute; "
        "else set STREAMING_ASSETS_DATABRICKS_TIMEOUT_MINUTES higher, and deploy the bundle's job, where it is that "
        "one, with a higher `--var timeout_seconds=…`",
    )


def _cancelled(name: str, found: str) -> JobCancelled:
    return JobCancelled(
        f"The job that {name} was cancelled in the workspace.",
        found=found,
        meaning=KEPT,
        remedy="materialize again when whoever cancelled it agrees",
    )


def _quota(name: str, found: str) -> QuotaExceeded:
    return QuotaExceeded(
        f"The workspace, or the cloud below it, had no room for the job that {name}.",
        found=found,
        meaning=KEPT,
        remedy="try again later, run fewer jobs at a time, take a smaller cluster or serverless compute "
        "(STREAMING_ASSETS_DATABRICKS_COMPUTE), or have the quota raised",
    )


def _no_compute(name: str, found: str) -> ComputeUnavailable:
    return ComputeUnavailable(
        f"The compute of the job that {name} did not start, or was lost.",
        found=found,
        expected="a cluster that starts, with its libraries",
        meaning=KEPT,
        remedy="see the run's page; mend STREAMING_ASSETS_DATABRICKS_COMPUTE if the cluster can't be had as it is "
        "asked for; else materialize again",
    )


def _unauthorized(name: str, found: str) -> WorkspaceRefused:
    return WorkspaceRefused(
        f"The workspace did not let the job that {name} do its work.",
        found=found,
        expected="a user or service principal with the permissions of docs/databricks.md",
        meaning=KEPT,
        remedy="grant what is missing, then materialize again",
    )


def _failed(name: str, found: str) -> JobFailed:
    return JobFailed(
        f"The job that {name} failed.",
        found=found,
        meaning=KEPT,
        remedy="see the run's page for its output; fix the cause, then materialize again",
    )


def _termination(run: Run) -> tuple[str, str]:
    details = run.status.termination_details if run.status else None
    code = details.code.value if details is not None and details.code is not None else ""
    message = (details.message if details else None) or (run.state.state_message if run.state else None) or ""
    return code, message


def _is_quota(code: str, said: str) -> bool:
    return code != "RUN_EXECUTION_ERROR" and any(word in said.lower() for word in _QUOTA_WORDS)


def _output(client: WorkspaceClient, run: Run) -> str:
    """Return the error that the run's task ended with, as far as the workspace tells."""
    task = next((each.run_id for each in run.tasks or [] if each.run_id), run.run_id)
    if task is None:
        return ""
    try:
        return (client.jobs.get_run_output(task).error or "").strip()
    except OSError:  # errors of the SDK, of requests, and the end of the time in which it asks again
        return ""  # a run that did not come to its task has no output


_BY_RESULT: Mapping[RunResultState | None, Callable[[str, str], JobError]] = {
    RunResultState.TIMEDOUT: timed_out,
    RunResultState.CANCELED: _cancelled,
    RunResultState.MAXIMUM_CONCURRENT_RUNS_REACHED: _quota,
}
