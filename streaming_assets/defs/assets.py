"""The tables of a source as assets: each step refreshes one layer and says what it did."""

# No postponed annotations here: Dagster reads those of the functions it decorates.

from collections.abc import Iterator

import dagster as dg

from streaming_assets.contract import EventSource, GoldTable
from streaming_assets.defs.checks import (
    bronze_check_results,
    bronze_check_specs,
    silver_check_results,
    silver_check_specs,
)
from streaming_assets.defs.failures import explained
from streaming_assets.defs.materialized import batch_of, materialized, reasons, rows_of
from streaming_assets.defs.resources import Runtime
from streaming_assets.defs.translator import Translator
from streaming_assets.engines.protocol import Ingested, Rebuilt, Refined, Staged
from streaming_assets.lake import layout
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.layers.bronze import source_lag
from streaming_assets.layers.outdated import outdated_tables

Materialized = dg.MaterializeResult[None]

REBUILD = {
    "rebuild": dg.Field(
        bool,
        default_value=False,
        description="Rebuild the table from all that the one before it has, whether its definition changed or not.",
    )
}
"""What can be asked of a run of Silver or Gold, in the Launchpad."""


def source_assets(translator: Translator) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Make the assets of a source: the topic as an external asset, and one asset for each Delta table."""
    return [
        translator.topic(),
        _bronze(translator),
        _silver(translator),
        *(_gold(translator, table) for table in translator.source.gold),
    ]


def _bronze(translator: Translator) -> dg.AssetsDefinition:
    source, spec = translator.source, translator.bronze()

    @dg.multi_asset(
        name=spec.key.to_python_identifier(),
        specs=[spec],
        check_specs=bronze_check_specs(source),
        pool=translator.pool,
    )
    def bronze(context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]) -> Iterator[Materialized]:
        with explained(context):
            steps = list(_ingested(context, runtime, source))
            lag = sum(source_lag(source, runtime.connection, runtime.lake).values())
            context.log_event(dg.AssetObservation(translator.topic().key, metadata={"lag": lag}))
            with runtime.locked(source):
                checks = bronze_check_results(source, runtime.lake)
            yield materialized(
                layout.bronze(source),
                runtime.lake,
                checks=checks,
                nothing=f"Topic {source.topic.name} holds no events yet; there is nothing to read.",
                told={
                    "rows_added": sum(step.records for step in steps),
                    "commits": len(steps),
                    "lag_after": lag,
                },
            )

    return bronze


def _silver(translator: Translator) -> dg.AssetsDefinition:
    source, silver = translator.source, translator.silver()

    @dg.multi_asset(
        name=silver.key.to_python_identifier(),
        specs=[silver, translator.quarantine()],
        check_specs=silver_check_specs(source),
        pool=translator.pool,
        config_schema=REBUILD,
    )
    def refine(context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]) -> Iterator[Materialized]:
        with explained(context):
            rebuild = _wants_rebuild(context)
            before = NO_BATCH if rebuild else batch_of(layout.silver(source), runtime.lake)
            steps = list(_refined(context, runtime, source, rebuild=rebuild))
            # What a run brought is counted, so that the cost follows what is new; one that brought nothing counts all.
            checks = _counted(source, runtime, after=before if steps else NO_BATCH)
            yield from _silver_and_quarantine(source, runtime, steps, checks)

    return refine


def _counted(source: EventSource, runtime: Runtime, *, after: int) -> list[dg.AssetCheckResult]:
    """Check the batches after one."""
    with runtime.locked(source):
        audit = runtime.table_engine(source).audit_counts(source, after=after)
        # What a run brought is of the present definition, whatever the rows before it are of.
        outdated = after == NO_BATCH and layout.silver(source) in outdated_tables(source, runtime.lake)
    return silver_check_results(source, audit, runtime.settings.quarantine_threshold, outdated=outdated)


def _silver_and_quarantine(
    source: EventSource, runtime: Runtime, steps: list[Refined], checks: list[dg.AssetCheckResult]
) -> Iterator[Materialized]:
    nothing = "Bronze holds no records yet; there is nothing to refine."
    quarantined = sum(step.quarantined for step in steps)
    yield materialized(
        layout.silver(source),
        runtime.lake,
        checks=checks,
        nothing=nothing,
        told={
            "rows_added": sum(step.silver for step in steps),
            "records_read": sum(step.records for step in steps),
            "duplicates": sum(step.duplicates for step in steps),
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


def _gold(translator: Translator, table: GoldTable) -> dg.AssetsDefinition:
    source, spec = translator.source, translator.gold(table)
    identity = layout.gold(source, table)

    @dg.multi_asset(name=spec.key.to_python_identifier(), specs=[spec], pool=translator.pool, config_schema=REBUILD)
    def gold(context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]) -> Iterator[Materialized]:
        with explained(context):
            before = rows_of(identity, runtime.lake)
            rebuild = _wants_rebuild(context)
            steps = list(runtime.refresh_tables(source, rebuild="gold" if rebuild else None).gold(table))
            yield materialized(
                identity,
                runtime.lake,
                nothing="Silver holds no rows yet; there is nothing to compute.",
                told={
                    "rows_added": rows_of(identity, runtime.lake) - before,
                    "rows_written": sum(step.rows for step in steps),
                },
            )

    return gold


def _wants_rebuild(context: dg.AssetExecutionContext) -> bool:
    return bool(context.op_execution_context.op_config["rebuild"])


def _ingested(context: dg.AssetExecutionContext, runtime: Runtime, source: EventSource) -> Iterator[Ingested]:
    for step in runtime.refresh(source).bronze():
        context.log.info("Batch %d is in Bronze: %d records.", step.batch, step.records)
        yield step


def _refined(
    context: dg.AssetExecutionContext, runtime: Runtime, source: EventSource, *, rebuild: bool
) -> Iterator[Refined]:
    for step in runtime.refresh_tables(source, rebuild="silver" if rebuild else None).silver():
        if isinstance(step, Staged):
            context.log.info("Rebuilt: %d of %d records.", step.records, step.total)
            continue
        if isinstance(step, Rebuilt):
            context.log.info(
                "Silver and quarantine are rebuilt: %d and %d rows, generation %d.",
                *(step.silver, step.quarantined, step.generation),
            )
            continue
        context.log.info(
            "Up to batch %d: %d records, %d to Silver, %d to quarantine, %d duplicates.",
            step.batch,
            step.records,
            step.silver,
            step.quarantined,
            step.duplicates,
        )
        yield step
