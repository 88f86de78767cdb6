"""What an audit says, as findings: whether it holds, the numbers, and where to look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from streaming_assets.contract import GoldTable
from streaming_assets.engines.audits import CountAudit, GoldAudit, OffsetAudit, RowAudit, ValueAudit
from streaming_assets.layers.batches import Batches
from streaming_assets.layers.gaps import Settled, format_gaps, format_ranges, total
from streaming_assets.layers.torn_rebuild import TornRebuild

NAME_THE_KEYS = "name all columns of GROUP BY as `keys`, or group by the keys alone"
"""What to do where the keys of a Gold table do not identify its rows."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that must hold."""

    check: str
    """Name of the check."""
    table: str
    """The table it is about: `bronze`, `silver`, `quarantine`, `gold.<table>`; `all` for all of them."""
    passed: bool
    """Whether it holds."""
    found: str
    """The numbers, for people."""
    examples: tuple[str, ...] = ()
    """Some of what is wrong, as a person can look it up."""
    notes: tuple[str, ...] = ()
    """What is no breach, and to be known: what nobody can tell any more, what was accepted or left out."""
    numbers: Mapping[str, int] = field(default_factory=dict)
    """The numbers, for programs."""


def offsets(audit: OffsetAudit, settled: Settled, *, topic: str, whole: bool = True) -> Finding:
    """Every offset of the committed range is in Bronze exactly once, under its day, or holds no record.

    Args:
        audit: The range, counted.
        topic: The topic that the source names now.
        settled: What became of the offsets that Bronze lacks.
        whole: Whether the range is all that was committed; otherwise rows outside of it are no fault.
    """
    outside = audit.outside if whole else 0
    numbers = {
        "records": audit.records,
        "lost": total(settled.lost),
        "repeated": audit.repeated,
        "outside": outside,
        "misplaced": audit.misplaced,
        "legal_gaps": settled.legal,
        "unknown": sum(map(total, settled.unknown.values())),
        "accepted": total(settled.accepted),
    }
    words = {
        "lost": "lost",
        "repeated": "more than once",
        "outside": "outside the committed range",
        "misplaced": "in the partition of another day",
        "legal_gaps": "without a record",
        "unknown": "unknown",
        "accepted": "accepted as lost",
    }
    parts = [f"{numbers[name]:,} {word}" for name, word in words.items() if numbers[name]]
    notes = [f"{total(some):,} unknown, as {why}: {format_gaps(some)}" for why, some in settled.unknown.items()]
    if settled.accepted:
        notes.append(f"{total(settled.accepted):,} accepted as lost: {format_gaps(settled.accepted)}")
    if audit.topic not in {None, topic}:
        notes.append(f"bronze was filled from topic {audit.topic}, and the source names {topic} now")
    lost = [f"lost: {format_ranges(partition, some)}" for partition, some in settled.lost.items()]
    shown = [each for each in audit.examples if whole or "outside" not in each]
    passed = not (numbers["lost"] or audit.repeated or outside or audit.misplaced)
    found = f"{audit.records:,} records; offsets: {', '.join(parts) or 'each once'}"
    return Finding("offsets", "bronze", passed, found, (*lost, *shown), tuple(notes), numbers)


def same_bytes(audit: ValueAudit, left_out: tuple[str, ...]) -> Finding:
    """Bronze has every record as Kafka has it: value, key, headers, timestamp."""
    found = f"{audit.compared:,} records compared with Kafka, {audit.differing:,} differ"
    numbers = {"compared": audit.compared, "differing": audit.differing}
    return Finding("same_bytes", "bronze", audit.differing == 0, found, audit.examples, left_out, numbers)


def batches_agree(compared: Batches) -> Finding:
    """What the tables record of their batches agrees with each other, and with their rows."""
    found = ", ".join(f"{table} {batch:,}" for table, batch in compared.last.items()) or "no table"
    numbers = {"faults": len(compared.faults), **compared.last}
    if compared.faults:
        found = f"inconsistent: {found}"
    return Finding("batches", "all", not compared.faults, found, compared.faults, compared.notes, numbers)


def reconciled(audit: CountAudit, *, outdated: bool) -> Finding:
    """Every Bronze row is in exactly one place: Silver, quarantine, or a duplicate of a Silver row.

    Args:
        audit: The tables, counted.
        outdated: Whether Silver has rows of another definition: then the present one can't tell its duplicates.
    """
    found = (
        f"bronze {audit.bronze:,} = silver {audit.silver:,} + quarantine {audit.quarantine:,} "
        f"+ duplicates {audit.duplicates:,}"
    )
    sum_holds = audit.bronze == audit.silver + audit.quarantine + audit.duplicates
    excused = audit.lost if outdated else 0
    faults = {
        "lost": audit.lost - excused,
        "in both silver and quarantine": audit.in_both,
        "without a Bronze row": audit.without_bronze,
    }
    wrong = [f"{count:,} {fault}" for fault, count in faults.items() if count]
    if excused:
        sum_holds = audit.bronze == audit.silver + audit.quarantine + audit.duplicates + excused
        found += f" + unknown {excused:,}"
    if not sum_holds:
        found = found.replace(" = ", " ≠ ", 1)
    notes = (f"{excused:,} records unknown, as silver has rows of an earlier definition",) if excused else ()
    numbers = {
        name: getattr(audit, name)
        for name in ("bronze", "silver", "quarantine", "duplicates", "lost", "in_both", "without_bronze")
    }
    passed = sum_holds and not wrong
    return Finding("reconciled", "silver", passed, ", ".join([found, *wrong]), audit.examples, notes, numbers)


def event_id_unique(audit: CountAudit) -> Finding:
    """No event, and no event id, is in Silver more than once.

    An event is told from others by its id and its time. A source that gives one id to events of different times
    keeps all of them, and is told so by this check.
    """
    counts = {"event": audit.repeated_events, "id": audit.repeated_ids}
    wrong = [f"{count:,} {what}{'' if count == 1 else 's'}" for what, count in counts.items() if count]
    found = f"{' and '.join(wrong)} more than once" if wrong else "each event once"
    numbers = {"repeated_events": audit.repeated_events, "repeated_ids": audit.repeated_ids}
    passed = audit.repeated_events == audit.repeated_ids == 0
    return Finding("event_id_unique", "silver", passed, found, numbers=numbers)


def rows_equal_recompute(audit: RowAudit) -> list[Finding]:
    """Each row of Silver and quarantine is what the present definition makes of Bronze.

    Missing rows are counted by `reconciled`.
    """
    return [
        Finding(
            "equals_recompute",
            table,
            wrong == 0,
            f"{rows:,} rows, {wrong:,} wrong; {audit.records:,} records of bronze computed again",
            examples,
            numbers={"records": audit.records, "rows": rows, "wrong": wrong},
        )
        for table, rows, wrong, examples in (
            ("silver", audit.silver, audit.wrong_silver, audit.silver_examples),
            ("quarantine", audit.quarantine, audit.wrong_quarantine, audit.quarantine_examples),
        )
    ]


def gold_equals_recompute(table: GoldTable, audit: GoldAudit) -> Finding:
    """The Gold table equals its computation from all of Silver that it contains, and no key has two rows."""
    numbers = {
        "rows": audit.rows,
        "missing": audit.missing,
        "unexpected": audit.unexpected,
        "repeated_keys": audit.repeated_keys,
    }
    found = f"{audit.rows:,} rows, {audit.missing:,} missing, {audit.unexpected:,} unexpected"
    if audit.repeated_keys:
        found += f", {audit.repeated_keys:,} {'key' if audit.repeated_keys == 1 else 'keys'} more than once"
    equal = audit.missing == audit.unexpected == 0
    # Rows that are as the query gives them can only be told apart by other keys.
    notes = (NAME_THE_KEYS,) if equal and audit.repeated_keys else ()
    passed = equal and audit.repeated_keys == 0
    return Finding("equals_recompute", f"gold.{table.name}", passed, found, audit.examples, notes, numbers)


def torn(check: str, table: str, rebuild: TornRebuild) -> Finding:
    """Silver was made anew and quarantine was not yet, so there is nothing that they could be compared with.

    That fails: records are in both tables, or in neither, for whoever reads them before the rebuild is finished. But
    no number of lost or doubled records is told, as none is.
    """
    found = f"not compared: a rebuild is unfinished (generation {rebuild.silver} of silver, {rebuild.quarantine} of "
    note = f"nothing is lost, as bronze has all records; {rebuild.way_out} finishes the rebuild"
    numbers = {"silver_generation": rebuild.silver, "quarantine_generation": rebuild.quarantine}
    return Finding(check, table, passed=False, found=f"{found}quarantine)", notes=(note,), numbers=numbers)


def outdated(table: str, remedy: str) -> Finding:
    """The table has rows of another definition than the present one, so they can't be compared with it."""
    note = f"computed by another definition than the present one; {remedy}"
    return Finding("equals_recompute", table, passed=True, found="outdated, not compared", notes=(note,))


def none_sampled(finding: Finding) -> Finding:
    """Return the finding of a table of which the sample has no row, with a note that says so."""
    note = "nothing was compared: none of its windows or keys is in the sample"
    return replace(finding, notes=(*finding.notes, note))
