"""Asset checks of everything that is stored: what `verify` looks at, for a person or a job to run.

Their cost grows with the tables, so no refresh runs them.
"""

# No postponed annotations here: Dagster reads those of the functions it decorates.

from collections.abc import Callable, Iterable, Iterator

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from streaming_assets.contract import EventSource, GoldTable
from streaming_assets.defs.checks import check_result
from streaming_assets.defs.failures import explained
from streaming_assets.defs.resources import Runtime
from streaming_assets.defs.translator import SOURCE_TAG, Translator, table_key
from streaming_assets.kafka.broker import connect_if_running
from streaming_assets.lake import layout
from streaming_assets.lake.layout import TableId
from streaming_assets.layers.findings import Finding
from streaming_assets.layers.verify import Verifier


def full_checks(translator: Translator) -> list[dg.AssetChecksDefinition]:
    """Make the checks of a source; those that share what they read are run together."""
    source = translator.source
    bronze, rows = _bronze_specs(source), _row_specs(source)
    return [
        _check(translator, "bronze", bronze, lambda verifier: [verifier.check_offsets(), verifier.check_batches()]),
        _check(translator, "counts", _count_specs(source), lambda verifier: verifier.check_counts()),
        _check(translator, "rows", rows, lambda verifier: verifier.check_rows()),
        *(_gold(translator, table) for table in source.gold),
    ]


def verify_job(translator: Translator) -> UnresolvedAssetJobDefinition:
    """Make the job that runs all of them."""
    source = translator.source
    return dg.define_asset_job(
        f"verify_{source.name}",
        selection=dg.AssetSelection.checks(*full_check_keys(source)),
        description=f"Prove that nothing of {source.name} is lost or duplicated, from Kafka to Gold.",
        tags={SOURCE_TAG: source.name},
        executor_def=dg.in_process_executor,
    )


def full_check_keys(source: EventSource) -> list[dg.AssetCheckKey]:
    """Return the keys of all of them."""
    gold = [_gold_spec(source, table) for table in source.gold]
    specs = [*_bronze_specs(source), *_count_specs(source), *_row_specs(source), *gold]
    return [spec.key for spec in specs]


def _bronze_specs(source: EventSource) -> list[dg.AssetCheckSpec]:
    bronze = layout.bronze(source)
    offsets = (
        "Every offset of the committed range is in Bronze exactly once, or holds no record, as Kafka tells as long as "
        "it retains it."
    )
    batches = "What all tables of the source record of their batches agrees with each other, and with their rows."
    return [_spec(bronze, "offsets", offsets), _spec(bronze, "batches", batches)]


def _count_specs(source: EventSource) -> list[dg.AssetCheckSpec]:
    silver = layout.silver(source)
    reconciled = "Every Bronze row of all batches is in Silver, in quarantine, or a duplicate of an event in Silver."
    return [
        _spec(silver, "all_reconciled", reconciled),
        _spec(silver, "all_event_ids_unique", "No event id is in all of Silver more than once, whatever its time."),
    ]


def _row_specs(source: EventSource) -> list[dg.AssetCheckSpec]:
    text = "No row of the table differs from what the plugin makes of Bronze now; `all_reconciled` counts missing ones."
    return [_spec(table, "equals_recompute", text) for table in (layout.silver(source), layout.quarantine(source))]


def _gold_spec(source: EventSource, table: GoldTable) -> dg.AssetCheckSpec:
    text = "The table has exactly the rows that the plugin makes of all of Silver now."
    return _spec(layout.gold(source, table), "equals_recompute", text)


def _spec(table: TableId, name: str, description: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(name, asset=table_key(table), description=description)


def _gold(translator: Translator, table: GoldTable) -> dg.AssetChecksDefinition:
    spec = _gold_spec(translator.source, table)
    return _check(translator, f"gold__{table.name}", [spec], lambda verifier: [verifier.check_gold(table)])


def _check(
    translator: Translator,
    name: str,
    specs: list[dg.AssetCheckSpec],
    verify: Callable[[Verifier], Iterable[Finding]],
) -> dg.AssetChecksDefinition:
    """Make checks whose findings come in the order of their specs."""
    source = translator.source

    @dg.multi_asset_check(name=f"{source.name}__verify_{name}", specs=specs, can_subset=True)
    def check(
        context: dg.AssetCheckExecutionContext, runtime: dg.ResourceParam[Runtime]
    ) -> Iterator[dg.AssetCheckResult]:
        # Under the lock instead of in the pool: a stream holds the pool for hours, and the lock for moments.
        with explained(context), connect_if_running(runtime.settings) as connection, runtime.locked(source):
            verifier = Verifier(source, runtime.table_engine(source), connection, tell=context.log.debug)
            for spec, finding in zip(specs, verify(verifier), strict=True):
                if spec.key in context.selected_asset_check_keys:
                    yield check_result(finding, spec.asset_key, name=spec.name)

    return check
