"""Whether what the tables record of their batches agrees: with each other, and with their rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from streaming_assets.contract import EventSource
from streaming_assets.engines.audits import EXAMPLES
from streaming_assets.lake import layout
from streaming_assets.lake.opening import open_table
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.lake.tables import LakeTable


@dataclass(frozen=True, slots=True)
class Batches:
    """The last batch of each table of a source, and what is wrong with it."""

    last: Mapping[str, int]
    """By `bronze`, `silver`, `quarantine`, `gold.<table>`; tables that do not exist are left out."""
    faults: tuple[str, ...] = ()
    """What can't be, if the framework alone wrote the tables."""
    notes: tuple[str, ...] = ()
    """What the next refresh settles."""


def compare_batches(source: EventSource, lake: Path) -> Batches:
    """Compare the batches of the tables of a source.

    Raises:
        TableError: A table can't be read.
    """
    opened = {table.name.removeprefix(f"{source.name}."): open_table(table, lake) for table in layout.tables_of(source)}
    tables = {name: table for name, table in opened.items() if table is not None}
    last = {name: table.batch for name, table in tables.items()}
    faults = [*_order(last)]
    for name, table in tables.items():
        faults += _rows(name, table) if not name.startswith("gold.") else []
    faults += _history(tables["bronze"]) if "bronze" in tables else []
    notes = [*_unfinished(opened, last)]
    replayed = {name: tables[name].replayed for name in ("silver", "quarantine") if name in tables}
    if replayed.get("silver", NO_BATCH) > replayed.get("quarantine", NO_BATCH):
        notes.append("silver has what a replay released, and quarantine was not told yet; the next refresh does that")
    return Batches(last, tuple(faults), tuple(notes))


def _order(last: Mapping[str, int]) -> Iterator[str]:
    """Tell the tables that contain batches that the one before them does not have."""
    for name, batch in last.items():
        before = _before(name)
        if batch > last.get(before, NO_BATCH):
            yield f"{name} contains batch {batch}, {before} only {last.get(before, NO_BATCH)}"


def _unfinished(names: Iterable[str], last: Mapping[str, int]) -> Iterator[str]:
    """Tell the tables that the next refresh brings up to the one before, or goes on from."""
    for name in names:
        before, batch = _before(name), last.get(name, NO_BATCH)
        if name not in {"bronze", "quarantine"} and batch < last.get(before, NO_BATCH):
            yield f"{name} is behind: batch {batch} of {last[before]} in {before}; the next refresh goes on there"
    if last.get("quarantine", NO_BATCH) > last.get("silver", NO_BATCH):
        yield "quarantine is ahead of silver, as a run ended between the two; the next refresh goes on there"


def _before(name: str) -> str:
    return "silver" if name.startswith("gold.") else "bronze"


def _rows(name: str, table: LakeTable) -> Iterator[str]:
    """Tell rows of batches that the table does not contain."""
    if not table.files():
        return
    where = f"batch > {table.batch} OR batch <= {NO_BATCH}"
    sql = f"SELECT batch, count(*) AS records FROM t WHERE {where} GROUP BY batch ORDER BY batch"  # noqa: S608 - numbers
    for row in table.query(sql).to_pylist()[:EXAMPLES]:
        yield f"{name} has {row['records']:,} rows of batch {row['batch']}, although its last batch is {table.batch}"


def _history(bronze: LakeTable) -> Iterator[str]:
    """Tell batches that are missing between others, and those that have other numbers of rows than were written."""
    recorded = {commit["batch"]: commit.get("records") for commit in bronze.recorded()}
    missing = [(low + 1, high - 1) for low, high in pairwise(sorted(recorded)) if high > low + 1]
    for low, high in missing[:EXAMPLES]:
        yield f"bronze lacks the commit{f' of batch {low}' if low == high else f's of batches {low} to {high}'}"
    if not bronze.files():
        counted: dict[int, int] = {}
    else:
        rows = bronze.query("SELECT batch, count(*) AS records FROM t GROUP BY batch").to_pylist()
        counted = {row["batch"]: row["records"] for row in rows}
    wrong = [
        f"batch {batch} of bronze has {counted.get(batch, 0):,} rows, and was written with {records:,}"
        for batch, records in sorted(recorded.items())
        if records is not None and records != counted.get(batch, 0)
    ]
    yield from wrong[:EXAMPLES]
