"""The tables of a source as assets: each step refreshes one layer and says what it did."""

# No postponed annotations here: Dagster reads those of the functions it decorates.

from collections.abc import Iterator

import dagster as dg

from streaming_assets.contract import GoldTable
from streaming_assets.defs.checks import bronze_check_specs, silver_check_specs
from streaming_assets.defs.resources import Runtime
from streaming_assets.defs.running import run_step
from streaming_assets.defs.steps import Report, Step
from streaming_assets.defs.translator import Translator

REBUILD = {
    "rebuild": dg.Field(
        bool,
        default_value=False,
        description="Rebuild the table from all that the one before it has, whether its definition changed or not.",
    )
}
"""What can be asked of a run of Silver or Gold, in the Launchpad."""

WAYS_OUT = {
    "accept_loss": dg.Field(
        bool,
        default_value=False,
        description="Go on after records that Kafka deleted before they were read; Bronze records the loss.",
    ),
    "undo_foreign_writes": dg.Field(
        bool,
        default_value=False,
        description="First take back what other writers did to any table of the source.",
    ),
}
"""What can be asked of a run of Bronze, where the one before it ended with a decision to take."""


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
        config_schema=WAYS_OUT,
    )
    def bronze(context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]) -> Iterator[Report]:
        config = context.op_execution_context.op_config
        yield from run_step(context, runtime, source, Step(kind="bronze", **{name: config[name] for name in WAYS_OUT}))

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
    def refine(context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]) -> Iterator[Report]:
        yield from run_step(context, runtime, source, Step(kind="silver", rebuild=_wants_rebuild(context)))

    return refine


def _gold(translator: Translator, table: GoldTable) -> dg.AssetsDefinition:
    source, spec = translator.source, translator.gold(table)

    @dg.multi_asset(name=spec.key.to_python_identifier(), specs=[spec], pool=translator.pool, config_schema=REBUILD)
    def gold(context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]) -> Iterator[Report]:
        step = Step(kind="gold", table=table.name, rebuild=_wants_rebuild(context))
        yield from run_step(context, runtime, source, step)

    return gold


def _wants_rebuild(context: dg.AssetExecutionContext) -> bool:
    return bool(context.op_execution_context.op_config["rebuild"])
