"""What a job runs on: serverless compute, a cluster that there is, a new one, or the bundle's job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.service import compute, jobs

from streaming_assets.settings import SERVERLESS, Settings

PACKAGE = "streaming_assets"
"""Name of the package that a task runs."""

ENTRY_POINT = "streaming-assets-job"
"""Name of its entry point, among the package's scripts."""

ENVIRONMENT_VERSION = "4"
"""Serverless environment with Spark 4.0 and Python 3.12."""

TASK = "streaming_assets"
"""Key of the only task."""


def launch(  # noqa: PLR0913 - the parts of a launch, by name
    client: WorkspaceClient,
    settings: Settings,
    arguments: Mapping[str, str],
    *,
    wheels: Sequence[str],
    name: str,
    token: str,
) -> int:
    """Launch a job; return the id of its run.

    Args:
        client: The workspace.
        settings: Say what it runs on, and how long it may take.
        arguments: Arguments of the entry point, by their names.
        wheels: Paths of the wheels; the bundle's job has its own.
        name: Name of the run.
        token: Makes sure that one launch, however often it is sent, makes one run.
    """
    chosen, job = settings.databricks_compute, bundled_job(settings)
    if job is not None:
        parameters = {each.removeprefix("--").replace("-", "_"): value for each, value in arguments.items()}
        return int(
            client.jobs.run_now(job, job_parameters=parameters, idempotency_token=token)
            .bind()["run_id"]
        )  # fmt: skip
    task = jobs.SubmitTask(
        task_key=TASK,
        python_wheel_task=jobs.PythonWheelTask(
            package_name=PACKAGE,
            entry_point=ENTRY_POINT,
            parameters=[word for argument in arguments.items() for word in argument],
        ),
        **_runs_on(chosen, wheels),
    )
    return int(
        client.jobs.submit(
            tasks=[task],
            environments=_environments(chosen, wheels),
            run_name=name,
            timeout_seconds=ceil(settings.databricks_timeout_minutes * 60),
            idempotency_token=token,
        ).bind()["run_id"]
    )


def bundled_job(settings: Settings) -> int | None:
    """Return the id of the bundle's job, where that is what jobs run on; it has compute and wheels of its own."""
    chosen = settings.databricks_compute
    return int(chosen["job_id"]) if isinstance(chosen, dict) and "job_id" in chosen else None


def _runs_on(chosen: str | Mapping[str, Any], wheels: Sequence[str]) -> dict[str, Any]:
    if isinstance(chosen, str):
        return {"environment_key": SERVERLESS}
    libraries = [compute.Library(whl=wheel) for wheel in wheels]
    if "existing_cluster_id" in chosen:
        return {"existing_cluster_id": str(chosen["existing_cluster_id"]), "libraries": libraries}
    # Without an access mode, a cluster sees no volume.
    return {"new_cluster": _NewCluster({"data_security_mode": "SINGLE_USER", **chosen}), "libraries": libraries}


class _NewCluster(compute.ClusterSpec):
    """A new cluster in the words of the setting; of what the SDK does not know, its own type sends nothing."""

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__()
        self._spec = spec

    def as_dict(self) -> dict[str, Any]:
        return self._spec


def _environments(chosen: str | Mapping[str, Any], wheels: Sequence[str]) -> list[jobs.JobEnvironment] | None:
    if not isinstance(chosen, str):
        return None
    spec = compute.Environment(environment_version=ENVIRONMENT_VERSION, dependencies=list(wheels))
    return [jobs.JobEnvironment(environment_key=SERVERLESS, spec=spec)]
