"""The job that sends quarantined records through a mended plugin."""

# No postponed annotations here: Dagster reads those of the functions it decorates.

import dagster as dg
from pydantic import Field

from streaming_assets.contract import EventSource
from streaming_assets.defs.failures import explained
from streaming_assets.defs.resources import Runtime
from streaming_assets.defs.translator import Translator, table_key
from streaming_assets.engines.protocol import Replayed
from streaming_assets.lake import layout
from streaming_assets.layers.moments import read_moment
from streaming_assets.layers.replay import select


class ReplayConfig(dg.Config):
    """Which records are replayed."""

    reason: str | None = Field(None, description="Only records with this reason, such as `missing_field`.")
    since: str | None = Field(
        None, description="Only records read from Kafka since then: RFC 3339, or a span such as `2h` or `1d`."
    )


def replay_job(translator: Translator) -> dg.JobDefinition:
    """Make the job that replays a source's quarantine and brings Gold up to what it released."""
    source = translator.source

    @dg.op(name=f"{source.name}__replay_quarantine", pool=translator.pool)
    def replay(context: dg.OpExecutionContext, config: ReplayConfig, runtime: dg.ResourceParam[Runtime]) -> None:
        with explained(context):
            since = None if config.since is None else read_moment(config.since)
            for step in runtime.refresh_tables(source).replay(select(config.reason, since)):
                if isinstance(step, Replayed):
                    _tell(context, source, step)

    @dg.job(
        name=f"replay_quarantine_{source.name}",
        description=f"Send quarantined records of {source.name} through the plugin as it is now; what fits moves to "
        "Silver and Gold.",
        executor_def=dg.in_process_executor,
    )
    def replay_source() -> None:
        replay()

    return replay_source


def _tell(context: dg.OpExecutionContext, source: EventSource, step: Replayed) -> None:
    context.log.info(
        "%d quarantined records: %d to Silver, %d duplicates, %d still do not fit.",
        step.records,
        step.silver,
        step.duplicates,
        step.quarantined,
    )
    told = {"to_silver": step.silver, "duplicates": step.duplicates, "still_quarantined": step.quarantined}
    if step.batch is not None:
        for table in (layout.silver(source), layout.quarantine(source)):
            context.log_event(
                dg.AssetObservation(table_key(table), description="replay", metadata={"batch": step.batch, **told})
            )
