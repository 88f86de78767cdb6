"""The tables that refining reads and writes, as every engine opens them first and leaves them last."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from streaming_assets.contract import EventSource
from streaming_assets.lake import layout
from streaming_assets.lake.opening import open_or_create, open_ours
from streaming_assets.lake.order import QUARANTINED_UPTO, expect_not_ahead, expect_quarantine_complete
from streaming_assets.lake.schemas import silver_schema
from streaming_assets.lake.tables import LakeTable


@dataclass(frozen=True, slots=True)
class RefinedTables:
    """Bronze, and what is made of it."""

    bronze: LakeTable
    """The records."""
    silver: LakeTable
    """The events."""
    quarantine: LakeTable
    """The records that do not fit."""

    def follow_empty(self, source: EventSource) -> None:
        """Bring Silver up to Bronze where the newest Bronze batches hold no rows.

        Those are of an aborted transaction, an accepted loss, or a replay that ended before Silver.
        """
        if self.silver.batch < self.bronze.batch:
            metadata = {"records": 0, QUARANTINED_UPTO: self.quarantine.batch}
            self.silver.append(silver_schema(source).empty_table(), batch=self.bronze.batch, metadata=metadata)


def open_tables(source: EventSource, lake: Path, into: Path) -> RefinedTables | None:
    """Open the tables to refine what is new; None if there is no Bronze.

    Args:
        source: The source.
        lake: Folder of the tables.
        into: Folder in which Silver and quarantine are made.

    Raises:
        ForeignWrite: Another writer changed a table.
        TableBehind: A table has lost commits that a later one contains.
        TableError: A table can't be read or created.
    """
    bronze = open_ours(layout.bronze(source), lake)
    if bronze is None:
        return None
    silver = open_or_create(source, layout.silver(source), into, description=source.silver.description)
    quarantine = open_or_create(
        source, layout.quarantine(source), into, description=f"{source.title}: records that do not fit"
    )
    for table in (silver, quarantine):
        expect_not_ahead(table, bronze)
    expect_quarantine_complete(quarantine, silver)
    return RefinedTables(bronze, silver, quarantine)
