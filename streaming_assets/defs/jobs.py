"""Jobs: one that refreshes a source, one that tidies its tables up, and the schedule of the latter."""

# No postponed annotations here: Dagster reads those of the functions it decorates.

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from streaming_assets.contract import EventSource
from streaming_assets.defs.failures import explained
from streaming_assets.defs.resources import Runtime
from streaming_assets.defs.translator import SOURCE_TAG, Translator, table_key
from streaming_assets.lake import layout
from streaming_assets.lake.maintenance import Maintained, maintain

ACTIVE = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
"""States of a run that has not ended."""

# Not on the full hour, when everybody's schedules run.
_HOURLY = "17 * * * *"


def refresh_job(translator: Translator) -> UnresolvedAssetJobDefinition:
    """Make the job that brings everything the topic holds through all tables, in one process."""
    source = translator.source
    tables = dg.AssetSelection.assets(*(spec.key for spec in translator.tables()))
    recomputed = [dg.AssetCheckKey(table_key(layout.gold(source, table)), "equals_recompute") for table in source.gold]
    return dg.define_asset_job(
        f"refresh_{source.name}",
        selection=tables - dg.AssetSelection.checks(*recomputed),
        description=f"Bring everything that topic {source.topic.name} holds to Bronze, Silver and all Gold tables.",
        tags={SOURCE_TAG: source.name},
        executor_def=dg.in_process_executor,
    )


def maintenance_job(translator: Translator) -> dg.JobDefinition:
    """Make the job that merges the small files of all tables of a source and deletes files no reader needs."""
    source = translator.source

    @dg.op(name=f"{source.name}__maintain", pool=translator.pool)
    def compact_and_vacuum(context: dg.OpExecutionContext, runtime: dg.ResourceParam[Runtime]) -> None:
        with explained(context), runtime.locked(source):
            _maintain(context, source, runtime)

    @dg.job(
        name=f"maintain_{source.name}",
        description=f"Merge small files of {source.name} and delete files that its tables no longer need.",
        executor_def=dg.in_process_executor,
    )
    def maintain_source() -> None:
        compact_and_vacuum()

    return maintain_source


def maintenance_schedule(job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """Make the schedule that maintains a source every hour, unless the last time is still to come."""

    @dg.schedule(
        name=f"{job.name}_hourly",
        job=job,
        cron_schedule=_HOURLY,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Every hour: {job.description}",
    )
    def hourly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        # A stream holds the pool for hours; without this look, a run for each of them would queue up.
        waiting = context.instance.get_runs(dg.RunsFilter(job_name=job.name, statuses=ACTIVE), limit=1)
        if waiting:
            return dg.SkipReason(f"run {waiting[0].run_id} of {job.name} has not ended")
        return dg.RunRequest()

    return hourly


def _maintain(context: dg.OpExecutionContext, source: EventSource, runtime: Runtime) -> None:
    for table in layout.tables_of(source):
        done = maintain(table, runtime.lake, retention_hours=runtime.settings.vacuum_retention_hours)
        if done is None:
            context.log.info("%s does not exist yet.", table.name)
            continue
        context.log.info(
            "%s: %d files became %d, %d deleted.", table.name, done.files_before, done.files_after, done.deleted
        )
        if _changed(done):
            context.log_event(
                dg.AssetObservation(
                    table_key(table),
                    description="maintenance",
                    metadata={
                        "files_before": done.files_before,
                        "files_after": done.files_after,
                        "files_deleted": done.deleted,
                    },
                )
            )


def _changed(done: Maintained) -> bool:
    return done.files_before != done.files_after or done.deleted > 0
