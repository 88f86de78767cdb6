"""How Dagster has a job do a step: launched, followed and ended through the Pipes client of dagster-databricks.

This module alone imports dagster_databricks, which costs seconds and 139 MB, and only where it is used.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_databricks.pipes import (
    PipesDatabricksServerlessClient,
    PipesUnityCatalogVolumesContextInjector,
    PipesUnityCatalogVolumesMessageReader,
)
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.jobs import Run

from streaming_assets.contract import EventSource
from streaming_assets.databricks.compute import launch
from streaming_assets.databricks.outcome import KEPT, failure_of, has_ended, is_ending, timed_out
from streaming_assets.databricks.wheels import upload_wheels
from streaming_assets.databricks.workspace import open_workspace, refusals_told
from streaming_assets.defs.databricks.messages import Received
from streaming_assets.defs.databricks.request import arguments, require
from streaming_assets.defs.steps import Report, Step
from streaming_assets.errors import JobFailed
from streaming_assets.settings import Settings

Context = dg.OpExecutionContext | dg.AssetExecutionContext

_END_SECONDS = 60.0
"""How long a job that was cancelled is waited for."""


def performed_by_job(context: Context, settings: Settings, source: EventSource, step: Step) -> Iterator[Report]:
    """Have a job do a step; yield what it reports once it has ended.

    Ending the run of Dagster cancels the job.

    Args:
        context: The step of Dagster's run.
        settings: Say where it runs, and where its tables lie.
        source: The source.
        step: What is to be done.

    Raises:
        StreamingAssetsError: The job told why it could not do its work, or a `JobError` tells it.
    """
    require(settings)
    received = PipesJob(open_workspace(), settings).run(context=context, source=source, step=step)
    yield from received.reports()


class PipesJob(PipesDatabricksServerlessClient):
    """The Pipes client of dagster-databricks, for serverless compute, clusters and jobs that there are alike.

    All it has of serverless compute is that messages go through a volume, which clusters see as well; the library's
    client for clusters has them go through DBFS, which new workspaces do not have. The library's `run` lets a step of
    a run that is ended go on as if it had succeeded, and tells of a job that failed the state's message only.
    """

    def __init__(self, client: WorkspaceClient, settings: Settings) -> None:
        """Remember workspace and settings; nothing is sent."""
        self._settings = settings
        volume = str(settings.databricks_volume)
        self._injector = PipesUnityCatalogVolumesContextInjector(client=client, volume_path=volume)
        self._reader = PipesUnityCatalogVolumesMessageReader(
            client=client,
            volume_path=volume,
            interval=settings.databricks_poll_seconds,
            include_stdio_in_messages=False,  # the workspace keeps them, on the run's page
        )
        super().__init__(client, volume, self._injector, self._reader, settings.databricks_poll_seconds)

    def run(  # type: ignore[override]
        self, *, context: Context, source: EventSource, step: Step
    ) -> Received:
        """Launch a job, follow it to its end, and return what it told.

        Raises:
            StreamingAssetsError: See `performed_by_job`.
        """
        doing = f"{step.kind} of {source.name}"
        told = arguments(source.name, step, self._settings)
        wheels = self._wheels()
        with (
            refusals_told(self.client, f"exchange messages about {doing}", volume=self.volume_path),
            dg.open_pipes_session(
                context=context, context_injector=self._injector, message_reader=self._reader
            ) as session,
        ):
            run_id = self._launched(context, {**told, **session.get_bootstrap_cli_arguments()}, wheels, doing)
            ended = self._followed(context, run_id, doing)
        received = Received(self._results(session, ended), session.get_custom_messages())
        self._expect_done(ended, received, doing)
        return received

    def _wheels(self) -> list[str]:
        compute = self._settings.databricks_compute
        if isinstance(compute, dict) and "job_id" in compute:
            return []  # the bundle gave its job what it needs
        return upload_wheels(self.client, self.volume_path, self._settings.disabled_plugins)

    def _launched(self, context: Context, told: dict[str, str], wheels: list[str], doing: str) -> int:
        # One launch is one run, whatever is sent again; a step that is tried again is another one.
        run = context.run
        key = f"{run.run_id} {doing} {context.retry_number} {told}"
        token = hashlib.sha256(key.encode()).hexdigest()

        def send() -> int:
            with refusals_told(self.client, f"launch the job for {doing}", setting="databricks_compute"):
                return launch(
                    self.client,
                    self._settings,
                    told,
                    wheels=wheels,
                    name=f"streaming-assets: {doing} ({run.run_id[:8]})",
                    token=token,
                )

        try:
            run_id = send()
        except dg.DagsterExecutionInterruptedError:
            # The request may have arrived: sent again, it names the run that it launched.
            self._cancel(context, send())
            raise
        context.log.info("Run %d of the workspace does it.", run_id)
        return run_id

    def _followed(self, context: Context, run_id: int, doing: str) -> Run:
        """Wait for the end of a run; cancel it where it takes too long, or where Dagster's run is ended."""
        minutes = self._settings.databricks_timeout_minutes
        deadline, seen = time.monotonic() + minutes * 60, None
        try:
            while True:
                with refusals_told(self.client, f"follow the job for {doing}"):
                    run = self.client.jobs.get_run(run_id)
                state = run.state.life_cycle_state if run.state else None
                if state != seen:
                    context.log.info(
                        "%s", f"The job is {state.value.lower() if state else 'unknown'}. {run.run_page_url}"
                    )
                    seen = state
                if has_ended(run):
                    return run
                if time.monotonic() > deadline:
                    self._cancel(context, run_id)
                    raise timed_out(_clause(doing), f"it had not ended after {minutes:g} minutes; {run.run_page_url}")
                time.sleep(self.poll_interval_seconds)
        except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt):
            context.log.info("This run is ended, so the job is cancelled.")
            self._cancel(context, run_id)
            raise

    def _cancel(self, context: Context, run_id: int) -> None:
        """End a run, and wait until nothing of it works any more: whoever comes next finds the tables at rest."""
        try:
            self.client.jobs.cancel_run(run_id)
            until = time.monotonic() + _END_SECONDS
            while not is_ending(self.client.jobs.get_run(run_id)) and time.monotonic() < until:
                time.sleep(min(1.0, self.poll_interval_seconds))
        except (DatabricksError, OSError) as error:
            context.log.warning("Run %d could not be cancelled (%s); it may go on.", run_id, type(error).__name__)

    def _results(self, session: Any, run: Run) -> list[Any]:
        where: dict[str, dg.MetadataValue[Any]] = {"Databricks Job Run ID": dg.MetadataValue.text(str(run.run_id))}
        if run.run_page_url:
            where["Databricks Job Run URL"] = dg.MetadataValue.url(run.run_page_url)
        return list(session.get_results(implicit_materializations=False, metadata=where))

    def _expect_done(self, run: Run, received: Received, doing: str) -> None:
        if received.error is not None:
            raise received.error
        failure = failure_of(self.client, run, _clause(doing))
        if failure is not None:
            raise failure
        if not received.done:
            raise JobFailed(
                f"The job that {_clause(doing)} ended well, but what it had to tell did not arrive.",
                found=f"no last message in a folder of {self.volume_path}",
                meaning=KEPT,
                remedy="see that it runs the version of this package that Dagster runs (the bundle's job is "
                "brought up to date by `databricks bundle deploy`), then materialize again",
            )


def _clause(doing: str) -> str:
    return f"was to do {doing}"
