"""Jobs: one that refreshes a source, one that tidies its tables up, and the schedule of the latter."""

# No postponed annotations here: Dagster reads those of the functions it decorates.

from collections.abc import Iterator

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from streaming_assets.defs.full_checks import full_check_keys
from streaming_assets.defs.resources import Runtime
from streaming_assets.defs.running import run_step
from streaming_assets.defs.steps import Report, Step
from streaming_assets.defs.translator import SOURCE_TAG, Translator
from streaming_assets.errors import StreamingAssetsError
from streaming_assets.lake import layout
from streaming_assets.lake.maintenance import MERGE_FROM, MERGE_FROM_BESIDE_REFRESH, is_due

ACTIVE = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
"""States of a run that has not ended."""

_OFTEN = "2-57/5 * * * *"
"""Every five minutes. Not on the full hour, when everybody's schedules run."""

_HOURLY_MINUTE = 17

_DAILY = "17 3 * * *"
"""Where each look is a job that has to be paid for, and readers of tables are few."""


def refresh_job(translator: Translator) -> UnresolvedAssetJobDefinition:
    """Make the job that brings everything the topic holds through all tables, in one process."""
    source = translator.source
    tables = dg.AssetSelection.assets(*(spec.key for spec in translator.tables()))
    return dg.define_asset_job(
        f"refresh_{source.name}",
        selection=tables - dg.AssetSelection.checks(*full_check_keys(source)),
        description=f"Bring everything that topic {source.topic.name} holds to Bronze, Silver and all Gold tables.",
        tags={SOURCE_TAG: source.name},
        executor_def=dg.in_process_executor,
    )


def maintenance_job(translator: Translator) -> dg.JobDefinition:
    """Make the job that maintains all tables of a source, in a process of its own and beside its refreshes.

    Started by hand it merges whatever small files there are; the schedule has it merge where it is worth it.
    """
    source = translator.source

    @dg.op(
        name=f"{source.name}__maintain",
        out={},  # it only observes
        config_schema={"min_files": dg.Field(int, MERGE_FROM, description="Files of one size that are worth a merge.")},
        # Jobs have no lock in common, without which no vacuum may run beside a writer: the pool takes its place.
        pool=translator.pool if translator.elsewhere else None,
    )
    def compact_and_vacuum(context: dg.OpExecutionContext, runtime: dg.ResourceParam[Runtime]) -> Iterator[Report]:
        yield from run_step(context, runtime, source, Step(kind="maintain", min_files=context.op_config["min_files"]))

    @dg.job(
        name=f"maintain_{source.name}",
        description=f"Merge small files of {source.name}, and delete files and log entries that no reader needs.",
        executor_def=dg.in_process_executor,
    )
    def maintain_source() -> None:
        compact_and_vacuum()

    return maintain_source


def maintenance_schedule(translator: Translator, job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """Make the schedule that maintains a source where it is worth it, unless the previous run has not ended.

    Merging is worth it once there are many small files, and what no reader needs is deleted once an hour.
    """
    source = translator.source

    @dg.schedule(
        name=f"{job.name}_when_due",
        job=job,
        cron_schedule=_DAILY if translator.elsewhere else _OFTEN,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=("Every night: " if translator.elsewhere else "When there are many small files, and every hour: ")
        + (job.description or ""),
    )
    def when_due(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        waiting = context.instance.get_runs(dg.RunsFilter(job_name=job.name, statuses=ACTIVE), limit=1)
        if waiting:
            return dg.SkipReason(f"run {waiting[0].run_id} of {job.name} has not ended")
        if context.scheduled_execution_time.minute == _HOURLY_MINUTE or _is_due(translator):
            config = {"min_files": MERGE_FROM if translator.elsewhere else MERGE_FROM_BESIDE_REFRESH}
            return dg.RunRequest(run_config={"ops": {f"{source.name}__maintain": {"config": config}}})
        return dg.SkipReason(f"no table of {source.name} has many small files")

    return when_due


def _is_due(translator: Translator) -> bool:
    try:
        return is_due(layout.tables_of(translator.source), translator.settings.lake_path)
    except StreamingAssetsError:
        return True  # the run tells what is wrong, and maintains the other tables
