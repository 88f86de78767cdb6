"""The job that sends quarantined records through a mended plugin."""

# No postponed annotations here: Dagster reads those of the functions it decorates.

from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from streaming_assets.defs.resources import Runtime
from streaming_assets.defs.running import run_step
from streaming_assets.defs.steps import Report, Step
from streaming_assets.defs.translator import Translator


class ReplayConfig(dg.Config):
    """Which records are replayed."""

    reason: str | None = Field(None, description="Only records with this reason, such as `missing_field`.")
    since: str | None = Field(
        None, description="Only records read from Kafka since then: RFC 3339, or a span such as `2h` or `1d`."
    )


def replay_job(translator: Translator) -> dg.JobDefinition:
    """Make the job that replays a source's quarantine and brings Gold up to what it released."""
    source = translator.source

    @dg.op(name=f"{source.name}__replay_quarantine", out={}, pool=translator.pool)  # it only observes
    def replay(
        context: dg.OpExecutionContext, config: ReplayConfig, runtime: dg.ResourceParam[Runtime]
    ) -> Iterator[Report]:
        yield from run_step(context, runtime, source, Step(kind="replay", reason=config.reason, since=config.since))

    @dg.job(
        name=f"replay_quarantine_{source.name}",
        description=f"Send quarantined records of {source.name} through the plugin as it is now; what fits moves to "
        "Silver and Gold.",
        executor_def=dg.in_process_executor,
    )
    def replay_source() -> None:
        replay()

    return replay_source
