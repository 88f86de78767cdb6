"""Asset checks: what must hold between the tables, as Dagster's checks."""

# No postponed annotations here: Dagster reads those of the functions it decorates.

from pathlib import Path

import dagster as dg

from streaming_assets.contract import EventSource
from streaming_assets.defs.translator import table_key
from streaming_assets.engines.audits import CountAudit
from streaming_assets.lake import layout
from streaming_assets.lake.opening import open_table
from streaming_assets.lake.schemas import PLACE
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.lake.tables import LakeTable
from streaming_assets.layers.findings import Finding, event_id_unique, reconciled


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
            "event in Silver. Counts the batches that the refresh brought, or all of them where it brought none.",
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
    bronze, silver = open_table(layout.bronze(source), lake), open_table(layout.silver(source), lake)
    records, repeated = _count_new(bronze, silver.batch if silver else NO_BATCH) if bronze else (0, 0)
    return [
        dg.AssetCheckResult(
            passed=repeated == 0,
            asset_key=table_key(layout.bronze(source)),
            check_name="records_once",
            description=f"{records:,} new rows, {repeated:,} records more than once",
            metadata={"records": records, "repeated": repeated},
        )
    ]


def silver_check_results(
    source: EventSource, audit: CountAudit, threshold: float, *, outdated: bool
) -> list[dg.AssetCheckResult]:
    """Check Silver and quarantine.

    Args:
        source: The source.
        audit: Its tables, counted.
        threshold: Largest share of quarantined records that is no reason to warn.
        outdated: Whether rows of another definition were counted; see `findings.reconciled`.
    """
    silver = table_key(layout.silver(source))
    return [
        check_result(reconciled(audit, outdated=outdated), silver),
        check_result(event_id_unique(audit), silver, severity=dg.AssetCheckSeverity.WARN),
        _quarantine_share(source, audit, threshold),
    ]


def _quarantine_share(source: EventSource, audit: CountAudit, threshold: float) -> dg.AssetCheckResult:
    share = audit.quarantine / audit.bronze if audit.bronze else 0.0
    return dg.AssetCheckResult(
        passed=share <= threshold,
        asset_key=table_key(layout.quarantine(source)),
        check_name="quarantine_share",
        description=f"{audit.quarantine:,} of {audit.bronze:,} records: {share:.2%}, where {threshold:.2%} is allowed",
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"share": share, "threshold": threshold},
    )


def _count_new(bronze: LakeTable, after: int) -> tuple[int, int]:
    """Count Bronze's rows after a batch, and the records among them that are in Bronze more than once."""
    new = f"batch > {after}"
    (extent,) = bronze.query(f'SELECT count(*) AS records, min("offset") AS first FROM t WHERE {new}').to_pylist()  # noqa: S608 - a number
    if not extent["records"]:
        return 0, 0
    (repeated,) = bronze.query(
        f"""
        SELECT count(*) AS records FROM (
            SELECT {PLACE} FROM t WHERE "offset" >= {extent["first"]}
            GROUP BY {PLACE}
            HAVING count(*) > 1 AND bool_or({new})
        ) AS repeated
        """  # noqa: S608 - numbers
    ).to_pylist()
    return extent["records"], repeated["records"]


def check_result(
    finding: Finding,
    key: dg.AssetKey,
    *,
    name: str | None = None,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Return a finding as the result of an asset check.

    Args:
        finding: The finding.
        key: The asset it is about.
        name: Name of the check, where it is another one than the finding's.
        severity: How bad it is if it does not hold.
    """
    told = {"where to look": finding.examples, "to be known": finding.notes}
    return dg.AssetCheckResult(
        passed=finding.passed,
        asset_key=key,
        check_name=name or finding.check,
        description=finding.found,
        severity=severity,
        metadata={**finding.numbers, **{each: "\n".join(texts) for each, texts in told.items() if texts}},
    )
