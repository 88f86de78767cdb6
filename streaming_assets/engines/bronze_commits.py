"""What every engine does before it copies records to Bronze: open the table, and move it past what is lost."""

from __future__ import annotations

from pathlib import Path

from streaming_assets.engines.protocol import Ingested, IngestPlan
from streaming_assets.errors import ConcurrentWrite
from streaming_assets.lake import layout
from streaming_assets.lake.losses import METADATA as ACCEPTED_LOSS
from streaming_assets.lake.losses import record_losses
from streaming_assets.lake.opening import open_or_create
from streaming_assets.lake.positions import record_topic
from streaming_assets.lake.schemas import BRONZE
from streaming_assets.lake.tables import LakeTable


def open_bronze(plan: IngestPlan, lake: Path) -> LakeTable:
    """Open the Bronze table that a plan was made for, and let its properties name topic and accepted losses.

    Raises:
        ConcurrentWrite: It changed since.
        TableError: It can't be read or written.
    """
    source = plan.source
    bronze = open_or_create(source, layout.bronze(source), lake, description=f"{source.title}: records as they came")
    _expect_batch(bronze, plan.first_batch - 1)
    record_topic(bronze, plan.start)
    record_losses(bronze)  # those of a run that ended before it could
    return bronze


def accept_losses(plan: IngestPlan, bronze: LakeTable) -> Ingested:
    """Move the position past what is lost, in a commit that says so and holds no record.

    Raises:
        ConcurrentWrite: Another writer committed.
        TableError: Bronze can't be written.
    """
    batch = plan.first_batch
    losses = [loss.encode() for loss in plan.accepting]
    metadata = {"records": 0, **plan.start.metadata(), ACCEPTED_LOSS: losses}
    bronze.append(BRONZE.empty_table(), batch=batch, metadata=metadata)
    record_losses(bronze)
    return Ingested(batch=batch, records=0, position=plan.start, accepted=plan.accepting)


def _expect_batch(bronze: LakeTable, expected: int) -> None:
    if bronze.batch != expected:
        raise ConcurrentWrite(
            f"Table {bronze.id.name} changed while its refresh was planned.",
            found=f"batch {bronze.batch}",
            expected=f"batch {expected}",
            meaning="nothing was written; no row is duplicated",
            remedy="run the refresh again: it starts from what the table contains now",
        )
