"""How a run has a step done: in its own process, or by a job in a Databricks workspace."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from streaming_assets.contract import EventSource
from streaming_assets.defs.failures import explained
from streaming_assets.defs.resources import Runtime
from streaming_assets.defs.steps import Report, Step, Work, perform

Result = dg.MaterializeResult[None] | dg.AssetCheckResult
"""What a step has to yield to Dagster."""

Context = dg.OpExecutionContext | dg.AssetExecutionContext | dg.AssetCheckExecutionContext


def run_step(context: Context, runtime: Runtime, source: EventSource, step: Step) -> Iterator[Result]:
    """Have a step done by the source's engine; log what was observed, and yield the other results.

    Raises:
        dagster.Failure: It can't be done, with the parts of the error as metadata.
        dagster.RetryRequested: The same, and it is to be tried again.
    """
    with explained(context):
        for report in _reports(context, runtime, source, step):
            if not isinstance(report, dg.AssetObservation):
                yield report
            elif not isinstance(context, dg.AssetCheckExecutionContext):  # checks observe nothing
                context.log_event(report)


def run_op(context: dg.OpExecutionContext, runtime: Runtime, source: EventSource, step: Step) -> None:
    """Have a step done that only observes; raises as `run_step`."""
    for _ in run_step(context, runtime, source, step):
        raise TypeError(f"{step.kind} has results that an op can't report")


def _reports(context: Context, runtime: Runtime, source: EventSource, step: Step) -> Iterator[Report]:
    return perform(Work(source, step, runtime, context.log))
