"""How a run has a step done: in its own process, or by a job in a Databricks workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import dagster as dg

from streaming_assets.contract import EventSource
from streaming_assets.defs.failures import explained
from streaming_assets.defs.resources import Runtime
from streaming_assets.defs.steps import Report, Step, Work, perform
from streaming_assets.errors import EngineError

Context = dg.OpExecutionContext | dg.AssetExecutionContext | dg.AssetCheckExecutionContext


def run_step(context: Context, runtime: Runtime, source: EventSource, step: Step) -> Iterator[Report]:
    """Have a step done by the source's engine; yield what it reports.

    Observations are yielded, too: what is only logged is lost where the step fails afterwards.

    Raises:
        dagster.Failure: It can't be done, with the parts of the error as metadata.
        dagster.RetryRequested: The same, and it is to be tried again.
    """
    with explained(context):
        yield from _reports(context, runtime, source, step)


def _reports(context: Context, runtime: Runtime, source: EventSource, step: Step) -> Iterator[Report]:
    if runtime.engine_of(source) != "databricks":
        return perform(Work(source, step, runtime, context.log))
    inside = context.op_execution_context if isinstance(context, dg.AssetCheckExecutionContext) else context
    return _performer()(inside, runtime.settings, source, step)


def _performer() -> Callable[..., Iterator[Report]]:
    """Return what has jobs do steps; its libraries are loaded here, and nowhere where another engine is used.

    Raises:
        EngineError: They are not installed.
    """
    try:
        from streaming_assets.defs.databricks.launch import performed_by_job  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(("dagster_databricks", "databricks")):
            raise
        raise EngineError(
            "Engine `databricks` is not installed.",
            found=f"no package {error.name}",
            expected="dagster-databricks, and databricks-sdk with it",
            meaning="nothing was read or written",
            remedy="`pip install 'streaming-assets[databricks]'`, or choose another engine",
        ) from error
    return performed_by_job
