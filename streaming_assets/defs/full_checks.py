"""Asset checks of everything that is stored: what `verify` looks at, for a person or a job to run.

Their cost grows with the tables, so no refresh runs them.
"""

# No postponed annotations here: Dagster reads those of the functions it decorates.

from collections.abc import Iterator

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from streaming_assets.contract import EventSource
from streaming_assets.defs.full_check_groups import Group, groups
from streaming_assets.defs.resources import Runtime
from streaming_assets.defs.running import run_step
from streaming_assets.defs.steps import Step
from streaming_assets.defs.translator import SOURCE_TAG, Translator


def full_checks(translator: Translator) -> list[dg.AssetChecksDefinition]:
    """Make the checks of a source; those that share what they read are run together."""
    return [_check(translator, group) for group in groups(translator.source)]


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
    return [spec.key for group in groups(source) for spec in group.specs]


def _check(translator: Translator, group: Group) -> dg.AssetChecksDefinition:
    source = translator.source

    @dg.multi_asset_check(name=f"{source.name}__verify_{group.name}", specs=group.specs, can_subset=True)
    def check(
        context: dg.AssetCheckExecutionContext, runtime: dg.ResourceParam[Runtime]
    ) -> Iterator[dg.AssetCheckResult]:
        for result in run_step(context, runtime, source, Step(kind="verify", table=group.name)):
            if isinstance(result, dg.AssetCheckResult) and _key(result) in context.selected_asset_check_keys:
                yield result

    return check


def _key(result: dg.AssetCheckResult) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(dg.AssetKey.from_coercible(result.asset_key or []), result.check_name or "")
