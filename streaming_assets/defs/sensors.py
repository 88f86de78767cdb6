"""The lag sensor: it looks whether a source has something to do, and launches its refresh."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from streaming_assets.contract import EventSource
from streaming_assets.defs.jobs import ACTIVE
from streaming_assets.defs.translator import SOURCE_TAG, Translator
from streaming_assets.errors import BrokerError, StreamingAssetsError
from streaming_assets.kafka.broker import broker_address, connect
from streaming_assets.lake import layout
from streaming_assets.lake.opening import open_table
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.layers.bronze import plan_ingest
from streaming_assets.settings import Settings

INTERVAL_SECONDS = 5
"""Time between two looks; Dagster's daemon takes no shorter one."""

FIRST_WAIT_SECONDS = 10.0
"""Wait after one failed run; it doubles with each further one."""

LONGEST_WAIT_SECONDS = 600.0
"""Longest wait after failed runs."""

# The wait after this many failed runs is the longest; older runs need not be looked at.
_MOST_FAILURES = 8


@dataclass(frozen=True, slots=True)
class Pending:
    """What a source has to do."""

    lag: int
    """Offsets that Bronze is behind the topic; 0 if something else is to be done."""
    reason: str
    """The same in words."""


def lag_sensor(
    translator: Translator, job: UnresolvedAssetJobDefinition, *, now: Callable[[], float] = time.time
) -> dg.SensorDefinition:
    """Make the sensor of a source. It never starts a broker, and launches nothing while a run is active.

    Args:
        translator: The source.
        job: What it launches.
        now: Seconds since 1970; tests set it.
    """
    source = translator.source

    @dg.sensor(
        name=f"{source.name}_lag",
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Launches {job.name} when topic {source.topic.name} holds records that Bronze does not.",
    )
    def lag(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            return _look(translator, context.instance, now())
        except BrokerError as error:
            return dg.SkipReason(str(error))

    return lag


def _look(translator: Translator, instance: dg.DagsterInstance, now: float) -> dg.SensorResult | dg.SkipReason:
    source = translator.source
    if broker_address(translator.settings) is None:
        return dg.SkipReason("No Kafka broker is running; start one with `streaming-assets up` or `… broker`.")
    active = _active_run(instance, source)
    if active is not None:
        return dg.SkipReason(f"Run {active.run_id} of {source.name} has not ended ({active.status.value}).")
    pending = _pending(source, translator.settings)
    if isinstance(pending, str):
        return dg.SkipReason(pending)
    waiting = _wait_after_failures(instance, source, now)
    if waiting is not None:
        return dg.SkipReason(f"{pending.reason}; {waiting}")
    return dg.SensorResult(
        # No run key: one whose run failed would never be launched again.
        run_requests=[dg.RunRequest()],
        asset_events=[
            dg.AssetObservation(translator.topic().key, description=pending.reason, metadata={"lag": pending.lag})
        ],
    )


def _active_run(instance: dg.DagsterInstance, source: EventSource) -> dg.DagsterRun | None:
    runs = instance.get_runs(dg.RunsFilter(statuses=ACTIVE))
    return next((run for run in runs if _refreshes(run, source)), None)


def _refreshes(run: dg.DagsterRun, source: EventSource) -> bool:
    # A run that a person started from the asset graph has no tag, but says which assets it is about.
    selected = run.asset_selection or ()
    return run.tags.get(SOURCE_TAG) == source.name or any(key.path[0] == source.name for key in selected)


def _pending(source: EventSource, settings: Settings) -> Pending | str:
    """Return what is to be done, or in words that nothing is."""
    try:
        with connect(settings, start=False) as connection:
            plan = plan_ingest(source, connection, settings.lake_path)
        if plan is not None:
            lag = sum(end - plan.start.next_offsets[partition] for partition, end in plan.end.items())
            return Pending(lag, f"lag {lag:,}: Bronze is behind {source.topic.name}")
        return _behind(source, settings)
    except BrokerError:
        raise
    except StreamingAssetsError as error:
        # What a person has to decide on is shown by a run that fails with the whole explanation.
        return Pending(0, error.summary.rstrip("."))


def _behind(source: EventSource, settings: Settings) -> Pending | str:
    """Look for a refresh that ended half-way.

    It leaves a table that does not contain all of Bronze's batches, or not the generation that Silver is of since it
    was made anew.
    """
    bronze = open_table(layout.bronze(source), settings.lake_path)
    if bronze is None:
        return f"lag 0: topic {source.topic.name} holds no records yet"
    following = [layout.silver(source), *(layout.gold(source, table) for table in source.gold)]
    for table in following:
        opened = open_table(table, settings.lake_path)
        batch = opened.batch if opened else NO_BATCH
        if batch < bronze.batch:
            return Pending(0, f"lag 0, but {table.name} contains batch {batch} and Bronze {bronze.batch}")
    tables = [open_table(table, settings.lake_path) for table in (*following, layout.quarantine(source))]
    generations = {table.id.name: table.generation for table in tables if table is not None}
    if len(set(generations.values())) > 1:
        told = ", ".join(f"{generation} of {name}" for name, generation in generations.items())
        return Pending(0, f"lag 0, but tables are of several generations: {told}")
    return f"lag 0: Bronze has every record of {source.topic.name}"


def _wait_after_failures(instance: dg.DagsterInstance, source: EventSource, now: float) -> str | None:
    """Say for how long to wait after failed runs; None if it is time.

    The runs themselves are counted, so that one that a person launched and that worked ends the wait at once.
    """
    newest = instance.get_run_records(dg.RunsFilter(tags={SOURCE_TAG: source.name}), limit=_MOST_FAILURES)
    failed = list(takewhile(lambda record: record.dagster_run.status is dg.DagsterRunStatus.FAILURE, newest))
    if not failed:
        return None
    ended = failed[0].end_time or failed[0].update_timestamp.timestamp()
    wait = ended + min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (len(failed) - 1)) - now
    runs = "the last run" if len(failed) == 1 else f"the last {len(failed)} runs"
    return f"{runs} failed, the next one starts in {wait:.0f} s" if wait > 0 else None
