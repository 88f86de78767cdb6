"""What a run can ask of a source, and when it reports what: tables by `materialized`, checks by `checks`.

A step is performed in the process of the run, or by a job elsewhere; what it reports is the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import dagster as dg

from streaming_assets.contract import EventSource, GoldTable
from streaming_assets.defs.checks import bronze_check_results, silver_check_results
from streaming_assets.defs.full_check_groups import group_named
from streaming_assets.defs.materialized import batch_of, materialized, position, reasons, rows_of
from streaming_assets.defs.resources import Runtime
from streaming_assets.defs.translator import table_key, topic_key
from streaming_assets.engines.protocol import Ingested, Rebuilt, Refined, Replayed, Staged
from streaming_assets.kafka.broker import connect_if_running
from streaming_assets.lake import layout
from streaming_assets.lake.maintenance import MERGE_FROM, Maintained
from streaming_assets.lake.maintenance_process import maintain_apart
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.layers.bronze import source_lag
from streaming_assets.layers.moments import read_moment
from streaming_assets.layers.outdated import outdated_tables
from streaming_assets.layers.replay import select
from streaming_assets.layers.undo import Undone
from streaming_assets.layers.verify import Verifier

Kind = Literal["bronze", "silver", "gold", "refresh", "replay", "verify", "maintain"]

Report = dg.MaterializeResult[None] | dg.AssetCheckResult | dg.AssetObservation
"""What a step has to say about an asset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is to be done."""

    kind: Kind
    """The layer that is refreshed; `refresh` stands for all of them, one after the other."""
    table: str | None = None
    """Of `gold`: the table. Of `verify`: the group of checks."""
    rebuild: bool = False
    """Whether the layer is made anew."""
    accept_loss: bool = False
    """Of `bronze` and `refresh`: go on after records that Kafka deleted unread; Bronze records the loss."""
    undo_foreign_writes: bool = False
    """Of the same: first take back what other writers did to any table of the source."""
    reason: str | None = None
    """Of `replay`: only records with this reason."""
    since: str | None = None
    """Of `replay`: only records that were read from Kafka since then."""
    min_files: int = MERGE_FROM
    """Of `maintain`: files of one size that are worth a merge."""


@dataclass(frozen=True, slots=True)
class Work:
    """A step, and what it is done with."""

    source: EventSource
    """The source."""
    step: Step
    """What is to be done."""
    runtime: Runtime
    """Settings, broker and engine."""
    log: logging.Logger
    """Told what happens."""


def perform(work: Work) -> Iterator[Report]:
    """Do a step; yield what it reports.

    Raises:
        StreamingAssetsError: It can't be done; what was committed before stays.
    """
    return _PERFORMERS[work.step.kind](work)


def _bronze(work: Work) -> Iterator[Report]:
    source, runtime = work.source, work.runtime
    commits = list(_ingested(work))
    lag = sum(source_lag(source, runtime.connection, runtime.lake).values())
    yield dg.AssetObservation(topic_key(source), metadata={"lag": lag})
    with runtime.locked(source):
        checks = bronze_check_results(source, runtime.lake)
    yield materialized(
        layout.bronze(source),
        runtime.lake,
        checks=checks,
        nothing=f"Topic {source.topic.name} holds no events yet; there is nothing to read.",
        told={
            "rows_added": sum(done.records for done in commits),
            "commits": len(commits),
            "lag_after": lag,
            **position(source, runtime.lake),
        },
    )


def _ingested(work: Work) -> Iterator[Ingested]:
    wishes = {"accept_loss": work.step.accept_loss, "undo_foreign_writes": work.step.undo_foreign_writes}
    for done in work.runtime.refresh(work.source, **wishes).bronze():
        if isinstance(done, Undone):
            work.log.info("Taken back of %s: %s.", done.table.name, "; ".join(done.commits))
            continue
        work.log.info("Batch %d is in Bronze: %d records.", done.batch, done.records)
        yield done


def _silver(work: Work) -> Iterator[Report]:
    source, runtime = work.source, work.runtime
    before = NO_BATCH if work.step.rebuild else batch_of(layout.silver(source), runtime.lake)
    slices = list(_refined(work))
    # What a run brought is counted, so that the cost follows what is new; one that brought nothing counts all.
    checks = _counted(source, runtime, after=before if slices else NO_BATCH)
    nothing = "Bronze holds no records yet; there is nothing to refine."
    quarantined = sum(done.quarantined for done in slices)
    yield materialized(
        layout.silver(source),
        runtime.lake,
        checks=checks,
        nothing=nothing,
        told={
            "rows_added": sum(done.silver for done in slices),
            "records_read": sum(done.records for done in slices),
            "duplicates": sum(done.duplicates for done in slices),
            "quarantined": quarantined,
        },
    )
    yield materialized(
        layout.quarantine(source),
        runtime.lake,
        checks=checks,
        nothing=nothing,
        told={"rows_added": quarantined, **reasons(source, runtime.lake)},
    )


def _refined(work: Work) -> Iterator[Refined]:
    rebuild: Literal["silver"] | None = "silver" if work.step.rebuild else None
    for done in work.runtime.refresh_tables(work.source, rebuild=rebuild).silver():
        if isinstance(done, Staged):
            work.log.info("Rebuilt: %d of %d records.", done.records, done.total)
            continue
        if isinstance(done, Rebuilt):
            work.log.info(
                "Silver and quarantine are rebuilt: %d and %d rows, generation %d.",
                *(done.silver, done.quarantined, done.generation),
            )
            continue
        work.log.info(
            "Up to batch %d: %d records, %d to Silver, %d to quarantine, %d duplicates.",
            *(done.batch, done.records, done.silver, done.quarantined, done.duplicates),
        )
        yield done


def _counted(source: EventSource, runtime: Runtime, *, after: int) -> list[dg.AssetCheckResult]:
    """Check the batches after one."""
    with runtime.locked(source):
        audit = runtime.table_engine(source).audit_counts(source, after=after)
        # What a run brought is of the present definition, whatever the rows before it are of.
        outdated = after == NO_BATCH and layout.silver(source) in outdated_tables(source, runtime.lake)
    return silver_check_results(source, audit, runtime.settings.quarantine_threshold, outdated=outdated)


def _gold(work: Work) -> Iterator[Report]:
    table = next(each for each in work.source.gold if each.name == work.step.table)
    yield _aggregated(work, table)


def _aggregated(work: Work, table: GoldTable) -> Report:
    source, runtime = work.source, work.runtime
    identity = layout.gold(source, table)
    before = rows_of(identity, runtime.lake)
    commits = list(runtime.refresh_tables(source, rebuild="gold" if work.step.rebuild else None).gold(table))
    return materialized(
        identity,
        runtime.lake,
        nothing="Silver holds no rows yet; there is nothing to compute.",
        told={
            "rows_added": rows_of(identity, runtime.lake) - before,
            "rows_written": sum(done.rows for done in commits),
        },
    )


def _refresh(work: Work) -> Iterator[Report]:
    yield from _bronze(work)
    yield from _silver(work)
    for table in work.source.gold:
        yield _aggregated(work, table)


def _replay(work: Work) -> Iterator[Report]:
    source, since = work.source, work.step.since
    selection = select(work.step.reason, None if since is None else read_moment(since))
    for done in work.runtime.refresh_tables(source).replay(selection):
        if isinstance(done, Replayed):
            yield from _released(work, done)


def _released(work: Work, done: Replayed) -> Iterator[Report]:
    work.log.info(
        "%d quarantined records: %d to Silver, %d duplicates, %d still do not fit.",
        *(done.records, done.silver, done.duplicates, done.quarantined),
    )
    told = {"to_silver": done.silver, "duplicates": done.duplicates, "still_quarantined": done.quarantined}
    if done.batch is not None:
        for table in (layout.silver(work.source), layout.quarantine(work.source)):
            yield dg.AssetObservation(table_key(table), description="replay", metadata={"batch": done.batch, **told})


def _verify(work: Work) -> Iterator[Report]:
    source, runtime = work.source, work.runtime
    group = group_named(source, work.step.table)
    # Under the lock instead of in the pool: a stream holds the pool for hours, and the lock for moments.
    with connect_if_running(runtime.settings) as connection, runtime.locked(source):
        verifier = Verifier(source, runtime.table_engine(source), connection, tell=work.log.debug)
        yield from group.results(verifier)


def _maintain(work: Work) -> Iterator[Report]:
    tables, failed = layout.tables_of(work.source), []
    for outcome in maintain_apart(tables, work.runtime.settings, min_files=work.step.min_files):
        if outcome.error is not None and outcome.postponed:
            work.log.info("%s is left for the next time. %s", outcome.table.name, outcome.error)
        elif outcome.error is not None:
            work.log.error("%s: %s", outcome.table.name, outcome.error)
            failed.append(outcome.error)
        elif outcome.done is None:
            work.log.info("%s does not exist yet.", outcome.table.name)
        else:
            yield from _tidied(work, outcome.done)
    if failed:
        raise failed[0]


def _tidied(work: Work, done: Maintained) -> Iterator[Report]:
    work.log.info(
        "%s: %d files became %d, %d files and %d log entries deleted.",
        *(done.table.name, done.files_before, done.files_after, done.deleted, done.log_deleted),
    )
    if done.files_before != done.files_after or done.deleted > 0:
        counts = {
            "files_before": done.files_before,
            "files_after": done.files_after,
            "files_deleted": done.deleted,
        }
        yield dg.AssetObservation(table_key(done.table), description="maintenance", metadata=counts)


_PERFORMERS: Mapping[Kind, Callable[[Work], Iterator[Report]]] = {
    "bronze": _bronze,
    "silver": _silver,
    "gold": _gold,
    "refresh": _refresh,
    "replay": _replay,
    "verify": _verify,
    "maintain": _maintain,
}
