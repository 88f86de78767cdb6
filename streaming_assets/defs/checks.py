"""Asset checks: what must hold between the tables, as Dagster's checks."""

# No postponed annotations here: Dagster reads those of the functions it decorates.

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from streaming_assets.contract import EventSource, GoldTable
from streaming_assets.defs.failures import explained
from streaming_assets.defs.resources import Runtime
from streaming_assets.defs.translator import Translator, table_key
from streaming_assets.engines.protocol import Audit
from streaming_assets.lake import layout
from streaming_assets.lake.tables import NO_BATCH, LakeTable, open_table
from streaming_assets.layers.verify import Finding, event_id_unique, gold_equals_recompute, reconciled


def bronze_check_specs(source: EventSource) -> list[dg.AssetCheckSpec]:
    """Return what is checked after each refresh of Bronze."""
    return [
        dg.AssetCheckSpec(
            "records_once",
            asset=table_key(layout.bronze(source)),
            blocking=True,
            description="Every Kafka record is in Bronze at most once. Looks at the records that Silver does not "
            "contain yet; `reconciled` looks at all others.",
        )
    ]


def silver_check_specs(source: EventSource) -> list[dg.AssetCheckSpec]:
    """Return what is checked after each refresh of Silver and quarantine."""
    silver, quarantine = table_key(layout.silver(source)), table_key(layout.quarantine(source))
    return [
        dg.AssetCheckSpec(
            "reconciled",
            asset=silver,
            blocking=True,
            description="Every Bronze row is in exactly one place: in Silver, in quarantine, or a duplicate of an "
            "event in Silver.",
        ),
        dg.AssetCheckSpec(
            "event_id_unique", asset=silver, description="No event id is in Silver more than once, whatever its time."
        ),
        dg.AssetCheckSpec(
            "quarantine_share",
            asset=quarantine,
            description="The share of quarantined records is within STREAMING_ASSETS_QUARANTINE_THRESHOLD.",
        ),
    ]


def bronze_check_results(source: EventSource, lake: Path) -> list[dg.AssetCheckResult]:
    """Check Bronze.

    Raises:
        TableError: A table can't be read.
    """
    return [_result(records_once(source, lake), table_key(layout.bronze(source)))]


def silver_check_results(source: EventSource, audit: Audit, threshold: float) -> list[dg.AssetCheckResult]:
    """Check Silver and quarantine.

    Args:
        source: The source.
        audit: Its tables, counted.
        threshold: Largest share of quarantined records that is no reason to warn.
    """
    silver, quarantine = table_key(layout.silver(source)), table_key(layout.quarantine(source))
    counts = {"bronze": audit.bronze, "silver": audit.silver, "quarantine": audit.quarantine}
    faults = {"lost": audit.lost, "in_both": audit.in_both, "foreign": audit.foreign}
    return [
        _result(reconciled(audit), silver, metadata={**counts, "duplicates": audit.duplicates, **faults}),
        _result(event_id_unique(audit), silver, severity=dg.AssetCheckSeverity.WARN),
        _result(quarantine_share(audit, threshold), quarantine, severity=dg.AssetCheckSeverity.WARN),
    ]


def recompute_check(translator: Translator, table: GoldTable) -> dg.AssetChecksDefinition:
    """Make the check that compares a Gold table with its computation from all of Silver.

    Its cost grows with everything that is stored, so no refresh runs it; a person does, or a job.
    """
    source = translator.source
    key = table_key(layout.gold(source, table))

    @dg.asset_check(
        asset=key,
        name="equals_recompute",
        description="The table equals its computation from all of Silver, row by row.",
    )
    def equals_recompute(
        context: dg.AssetCheckExecutionContext, runtime: dg.ResourceParam[Runtime]
    ) -> dg.AssetCheckResult:
        # Under the lock instead of in the pool: a stream holds the pool for hours, and the lock for moments.
        with explained(context), runtime.locked(source):
            return _result(gold_equals_recompute(table, runtime.auditor.audit_gold(source, table)), key)

    return equals_recompute


def records_once(source: EventSource, lake: Path) -> Finding:
    """Every record that Silver does not contain yet is in Bronze once, also beside the records that Silver contains.

    Files whose offsets all lie below the new ones are not read.

    Raises:
        TableError: A table can't be read.
    """
    bronze, silver = open_table(layout.bronze(source), lake), open_table(layout.silver(source), lake)
    if bronze is None:
        return Finding("records_once", "bronze", passed=True, found="Bronze holds no records yet")
    records, repeated = _count_new(bronze, silver.batch if silver else NO_BATCH)
    found = f"{records:,} new rows, {repeated:,} records more than once"
    return Finding("records_once", "bronze", repeated == 0, found)


def quarantine_share(audit: Audit, threshold: float) -> Finding:
    """The share of quarantined records is within the threshold."""
    share = audit.quarantine / audit.bronze if audit.bronze else 0.0
    found = f"{audit.quarantine:,} of {audit.bronze:,} records ({share:.2%}), at most {threshold:.2%} expected"
    return Finding("quarantine_share", "quarantine", share <= threshold, found)


def _count_new(bronze: LakeTable, after: int) -> tuple[int, int]:
    """Count Bronze's rows after a batch, and the records among them that are in Bronze more than once."""
    new = f"batch > {after}"
    (extent,) = bronze.query(f'SELECT count(*) AS records, min("offset") AS first FROM t WHERE {new}').to_pylist()  # noqa: S608 - a number
    if not extent["records"]:
        return 0, 0
    (repeated,) = bronze.query(
        f"""
        SELECT count(*) AS records FROM (
            SELECT topic, "partition", "offset" FROM t WHERE "offset" >= {extent["first"]}
            GROUP BY topic, "partition", "offset"
            HAVING count(*) > 1 AND bool_or({new})
        ) AS repeated
        """  # noqa: S608 - numbers
    ).to_pylist()
    return extent["records"], repeated["records"]


def _result(
    finding: Finding,
    key: dg.AssetKey,
    *,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    metadata: Mapping[str, Any] | None = None,
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=finding.passed,
        asset_key=key,
        check_name=finding.check,
        description=finding.found,
        severity=severity,
        metadata=metadata,
    )
