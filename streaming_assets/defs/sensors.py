"""The lag sensor: it looks whether a source has something to do, and launches its refresh."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import takewhile

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from streaming_assets.contract import EventSource
from streaming_assets.defs.jobs import ACTIVE
from streaming_assets.defs.pending import pending
from streaming_assets.defs.translator import SOURCE_TAG, Translator
from streaming_assets.errors import BrokerError
from streaming_assets.kafka.broker import broker_address

INTERVAL_SECONDS = 5
"""Time between two looks; Dagster's daemon takes no shorter one."""

FIRST_WAIT_SECONDS = 10.0
"""Wait after one failed run; it doubles with each further one."""

LONGEST_WAIT_SECONDS = 600.0
"""Longest wait after failed runs."""

# The wait after this many failed runs is the longest; older runs need not be looked at.
_MOST_FAILURES = 8


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
    found = pending(source, translator.settings, instance)
    if isinstance(found, str):
        return dg.SkipReason(found)
    waiting = _wait_after_failures(instance, source, now)
    if waiting is not None:
        return dg.SkipReason(f"{found.reason}; {waiting}")
    return dg.SensorResult(
        # No run key: one whose run failed would never be launched again.
        run_requests=[dg.RunRequest()],
        asset_events=[
            dg.AssetObservation(translator.topic().key, description=found.reason, metadata={"lag": found.lag})
        ],
    )


def _active_run(instance: dg.DagsterInstance, source: EventSource) -> dg.DagsterRun | None:
    runs = instance.get_runs(dg.RunsFilter(statuses=ACTIVE))
    return next((run for run in runs if _refreshes(run, source)), None)


def _refreshes(run: dg.DagsterRun, source: EventSource) -> bool:
    # A run that a person started from the asset graph has no tag, but says which assets it is about.
    selected = run.asset_selection or ()
    return run.tags.get(SOURCE_TAG) == source.name or any(key.path[0] == source.name for key in selected)


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
