"""Which table a table is computed from, and that none contains what the one before it has lost.

A table that lost its newest commits would number new batches like the lost ones, and the tables after it, which
contain those numbers already, would skip them in silence.
"""

from __future__ import annotations

from pathlib import Path

from streaming_assets.contract import EventSource
from streaming_assets.errors import TableBehind
from streaming_assets.lake import layout
from streaming_assets.lake.opening import open_ours, open_table
from streaming_assets.lake.remedies import from_scratch_hint, rebuild_hint, refresh_command
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.lake.tables import LakeTable

QUARANTINED_UPTO = "quarantine"
"""Key in the metadata of Silver's commits: the batch that quarantine contained then."""


def expect_bronze_complete(source: EventSource, lake: Path) -> None:
    """Refuse to add to a Bronze that somebody changed, or that lacks batches which later tables contain.

    Raises:
        TableBehind: Bronze has lost commits.
        ForeignWrite: Another writer changed Bronze.
        TableError: A table can't be read.
    """
    bronze = open_ours(layout.bronze(source), lake)
    for identity in (layout.silver(source), layout.quarantine(source)):
        later = open_table(identity, lake)
        if later is not None and later.batch > (bronze.batch if bronze else NO_BATCH):
            later.expect_ours()
            raise _behind(layout.bronze(source), bronze, later)


def expect_not_ahead(later: LakeTable, earlier: LakeTable) -> None:
    """Refuse to go on with a table that contains batches which the one it is computed from lacks.

    Raises:
        TableBehind: It does.
    """
    if later.batch > earlier.batch:
        raise _behind(earlier.id, earlier, later)


def expect_quarantine_complete(quarantine: LakeTable, silver: LakeTable) -> None:
    """Refuse a quarantine that lacks batches which it had when Silver's newest batch was committed.

    Raises:
        TableBehind: It does.
    """
    had = silver.last_metadata.get(QUARANTINED_UPTO, quarantine.batch)
    if quarantine.batch < had:
        raise TableBehind(
            f"Table {quarantine.id.name} has lost commits.",
            found=f"batch {quarantine.batch}",
            expected=f"batch {had}, which Silver's newest commit says it had",
            meaning="quarantined records are in no table but Bronze; nothing was read or written",
            remedy=f"bring it back from a backup; or, {rebuild_hint(quarantine.id, quarantine.path)}",
        )


def _behind(identity: layout.TableId, earlier: LakeTable | None, later: LakeTable) -> TableBehind:
    has = f"batch {earlier.batch}" if earlier else "no such table"
    if later.id.layer == "gold":
        rebuild = rebuild_hint(later.id, later.path)
        way = f"run {refresh_command(later.id)}, which brings Silver back first; or, {rebuild}"
    else:
        way = f"bring {identity.name} back from a backup; or, {from_scratch_hint(later.id, later.path)}"
    return TableBehind(
        f"Table {identity.name} has lost commits that {later.id.name} contains.",
        found=f"{has} in {identity.name}, batch {later.batch} in {later.id.name}",
        expected=f"no batch in {later.id.name} that {identity.name} does not have",
        meaning="new batches would get the numbers of lost ones, and be skipped; nothing was read or written",
        remedy=way,
    )
