"""How Dagster has a job do a step: launched, followed and ended here, told and telling by Pipes of dagster-databricks.

This module and `exchange` alone import dagster_databricks, which costs seconds and 139 MB, and only where it is used.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.jobs import Run

from streaming_assets.contract import EventSource
from streaming_assets.databricks.compute import bundled_job, launch
from streaming_assets.databricks.outcome import KEPT, failure_of, has_ended, is_ending, timed_out
from streaming_assets.databricks.wheels import upload_wheels
from streaming_assets.databricks.workspace import LAUNCHED, open_workspace, refusals_told, repeated
from streaming_assets.defs.databricks.exchange import ContextInjector, MessageReader
from streaming_assets.defs.databricks.messages import Received
from streaming_assets.defs.databricks.request import arguments
from streaming_assets.defs.steps import Report, Step
from streaming_assets.errors import JobError, JobFailed
from streaming_assets.settings import Settings

Context = dg.OpExecutionContext | dg.AssetExecutionContext

_END_SECONDS = 60.0
"""How long a job that was cancelled is waited for."""


def performed_by_job(context: Context, settings: Settings, source: EventSource, step: Step) -> Iterator[Report]:
    """Have a job do a step; once it has ended, yield what it reported, also where it failed afterwards.

    Ending the run of Dagster cancels the job.

    Args:
        context: The step of Dagster's run.
        settings: Say where it runs, and where its tables lie.
        source: The source.
        step: What is to be done.

    Raises:
        StreamingAssetsError: The job told why it could not do its work, or a `JobError` tells it.
    """
    told = arguments(source.name, step, settings)
    yield from PipesJob(open_workspace(), settings).run(context, f"{step.kind} of {source.name}", told)


class PipesJob:
    """A job that tells by Pipes, for serverless compute, clusters and jobs that there are alike.

    Of dagster-databricks it has what carries context and messages through a volume. The library's own clients let a
    step of a run that is ended go on as if it had succeeded, and tell of a job that failed the state's message only;
    the one for clusters needs DBFS, which new workspaces do not have.
    """

    def __init__(self, client: WorkspaceClient, settings: Settings) -> None:
        """Remember workspace and settings; nothing is sent."""
        self._client = client
        self._settings = settings
        self._volume = str(settings.databricks_volume)
        self._injector = ContextInjector(client=client, volume_path=self._volume)
        self._reader = MessageReader(client=client, volume_path=self._volume, interval=settings.databricks_poll_seconds)

    def run(self, context: Context, doing: str, told: Mapping[str, str]) -> Iterator[Report]:
        """Launch a job and follow it to its end; yield what it told, and only then raise why it did not do all.

        Args:
            context: The step of Dagster's run.
            doing: What it is to do, as in "bronze of orders".
            told: Arguments of its entry point, by their names.

        Raises:
            StreamingAssetsError: See `performed_by_job`.
        """
        wheels = self._wheels()
        with (
            refusals_told(self._client, f"exchange messages about {doing}", volume=self._volume),
            dg.open_pipes_session(
                context=context, context_injector=self._injector, message_reader=self._reader
            ) as session,
        ):
            run_id = self._launched(context, {**told, **session.get_bootstrap_cli_arguments()}, wheels, doing)
            ended, failure = self._followed(context, run_id, doing)
        received = Received(self._results(session, ended), session.get_custom_messages())
        yield from received.reports()
        self._expect_done(received, failure, doing)

    def _wheels(self) -> list[str]:
        if bundled_job(self._settings) is not None:
            return []
        return upload_wheels(self._client, self._volume, self._settings.disabled_plugins)

    def _launched(self, context: Context, told: Mapping[str, str], wheels: list[str], doing: str) -> int:
        # One launch is one run, whatever is sent again; a step that is tried again is another one.
        run = context.run
        key = f"{run.run_id} {doing} {context.retry_number} {told}"
        token = hashlib.sha256(key.encode()).hexdigest()

        def send() -> int:
            with refusals_told(self._client, f"launch the job for {doing}", setting="databricks_compute"):
                return repeated(
                    self._client,
                    lambda: launch(
                        self._client,
                        self._settings,
                        told,
                        wheels=wheels,
                        name=f"streaming-assets: {doing} ({run.run_id[:8]})",
                        token=token,
                    ),
                )

        try:
            return send()
        except dg.DagsterExecutionInterruptedError:
            # The request may have arrived: sent again, it names the run that it launched.
            self._cancel(context, send())
            raise

    def _followed(self, context: Context, run_id: int, doing: str) -> tuple[Run, JobError | None]:
        """Wait for the end of a run; cancel it where it takes too long, or where Dagster's run is ended.

        Returns:
            The run, and why it did not do its work, if it did not.
        """
        minutes = self._settings.databricks_timeout_minutes
        deadline, seen = time.monotonic() + minutes * 60, None
        try:
            context.log.info("Run %d of the workspace does it.", run_id)
            while True:
                with refusals_told(self._client, f"follow the job for {doing}", meaning=LAUNCHED):
                    run = repeated(self._client, lambda: self._client.jobs.get_run(run_id))
                state = run.state.life_cycle_state if run.state else None
                if state != seen:
                    context.log.info(
                        "%s", f"The job is {state.value.lower() if state else 'unknown'}. {run.run_page_url}"
                    )
                    seen = state
                if has_ended(run):
                    return run, failure_of(self._client, run, _clause(doing))
                if time.monotonic() > deadline:
                    at_rest = self._cancel(context, run_id)
                    late = f"it had not ended after {minutes:g} minutes; {run.run_page_url}"
                    late += "" if at_rest else "; it may still work: first see that it has ended"
                    return run, timed_out(_clause(doing), late)
                time.sleep(self._settings.databricks_poll_seconds)
        except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt):
            context.log.info("This run is ended, so the job is cancelled.")
            self._cancel(context, run_id)
            raise

    def _cancel(self, context: Context, run_id: int) -> bool:
        """End a run, and wait until nothing of it works any more; tell whether the tables are at rest then."""
        try:
            repeated(self._client, lambda: self._client.jobs.cancel_run(run_id))
            until = time.monotonic() + _END_SECONDS
            while not is_ending(repeated(self._client, lambda: self._client.jobs.get_run(run_id))):
                if time.monotonic() > until:
                    context.log.warning("Run %d still works; let it end before the next one starts.", run_id)
                    return False
                time.sleep(min(1.0, self._settings.databricks_poll_seconds))
        except (DatabricksError, OSError) as error:
            context.log.warning(
                "Run %d could not be cancelled (%s); let it end before the next one starts.",
                run_id,
                type(error).__name__,
            )
            return False
        return True

    def _results(self, session: Any, run: Run) -> list[Any]:
        where: dict[str, dg.MetadataValue[Any]] = {"Databricks Job Run ID": dg.MetadataValue.text(str(run.run_id))}
        if run.run_page_url:
            where["Databricks Job Run URL"] = dg.MetadataValue.url(run.run_page_url)
        return list(session.get_results(implicit_materializations=False, metadata=where))

    def _expect_done(self, received: Received, failure: JobError | None, doing: str) -> None:
        if received.error is not None:
            raise received.error
        if failure is not None:
            raise failure
        if not received.done:
            raise JobFailed(
                f"The job that {_clause(doing)} ended well, but what it had to tell did not arrive.",
                found=f"no last message in a folder of {self._volume}",
                meaning=KEPT,
                remedy="see that it runs the version of this package that Dagster runs (the bundle's job is "
                "brought up to date by `databricks bundle deploy`), then materialize again",
            )


def _clause(doing: str) -> str:
    return f"was to do {doing}"
