"""What must hold between the tables of a source, and whether it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from streaming_assets.contract import EventSource, GoldTable
from streaming_assets.engines.protocol import Audit, Engine, GoldAudit


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that must hold."""

    check: str
    """Name of the check."""
    table: str
    """The table it is about: `bronze`, `silver`, `gold.<table>`."""
    passed: bool
    """Whether it holds."""
    found: str
    """The numbers."""


def verify(source: EventSource, engine: Engine) -> Iterator[Finding]:
    """Check every table of a source against the one before it.

    Raises:
        TableError: A table can't be read.
    """
    audit = engine.audit(source)
    yield records_once(audit)
    yield reconciled(audit)
    yield event_id_unique(audit)
    for table in source.gold:
        yield gold_equals_recompute(table, engine.audit_gold(source, table))


def records_once(audit: Audit) -> Finding:
    """Every Kafka record is in Bronze at most once."""
    found = f"{audit.bronze:,} rows, {audit.repeated_records:,} records more than once"
    return Finding("records_once", "bronze", audit.repeated_records == 0, found)


def reconciled(audit: Audit) -> Finding:
    """Every Bronze row is in exactly one place: Silver, quarantine, or a duplicate of a Silver row."""
    found = (
        f"bronze {audit.bronze:,} = silver {audit.silver:,} + quarantine {audit.quarantine:,} "
        f"+ duplicates {audit.duplicates:,}"
    )
    faults = {
        "lost": audit.lost,
        "in both silver and quarantine": audit.in_both,
        "without a Bronze row": audit.foreign,
    }
    told = [f"{count:,} {fault}" for fault, count in faults.items() if count]
    sum_holds = audit.bronze == audit.silver + audit.quarantine + audit.duplicates
    if not sum_holds:
        found = found.replace(" = ", " ≠ ", 1)
    return Finding("reconciled", "silver", sum_holds and not told, ", ".join([found, *told]))


def event_id_unique(audit: Audit) -> Finding:
    """No event, and no event id, is in Silver more than once.

    An event is told from others by its id and its time. A source that gives one id to events of different times
    keeps all of them, and is told so by this check.
    """
    found = f"{audit.repeated_events:,} events and {audit.repeated_ids:,} ids more than once"
    return Finding("event_id_unique", "silver", audit.repeated_events == audit.repeated_ids == 0, found)


def gold_equals_recompute(table: GoldTable, audit: GoldAudit) -> Finding:
    """The Gold table equals its computation from all of Silver."""
    passed = audit.missing == 0 and audit.unexpected == 0
    found = f"{audit.rows:,} rows, {audit.missing:,} missing, {audit.unexpected:,} unexpected"
    return Finding("equals_recompute", f"gold.{table.name}", passed, found)
