"""Losses that a person accepted: offsets that Kafka deleted before they were read, and that Bronze goes on after.

Bronze records them twice. The commit that moves the position past a loss names it, so that the two can't
disagree; right afterwards a property of the table repeats it, which no cleaning of the log takes away.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from streaming_assets.lake.tables import LakeTable

PROPERTY = "streaming_assets.accepted_loss"
"""Name of the table property: a JSON list of losses as `AcceptedLoss.encode` gives them."""

METADATA = "accepted_loss"
"""Name of the same list in the metadata of a commit."""


@dataclass(frozen=True, slots=True, order=True)
class AcceptedLoss:
    """A range of offsets of which Bronze has nothing, and which a person accepted as lost."""

    partition: int
    """Partition of the topic."""
    start: int
    """First offset that was not read."""
    end: int
    """Offset at which Bronze goes on."""
    why: str
    """What had happened."""
    at: datetime
    """When it was accepted, UTC."""

    @property
    def records_at_most(self) -> int:
        """Offsets in the range; control records, aborted transactions and compaction leave fewer records."""
        return self.end - self.start

    def encode(self) -> dict[str, Any]:
        """Return the loss as it is recorded: `partition`, `from`, `to`, `records_at_most`, `why`, `at`."""
        return {
            "partition": self.partition,
            "from": self.start,
            "to": self.end,
            "records_at_most": self.records_at_most,
            "why": self.why,
            "at": self.at.isoformat(),
        }


def accepted_losses(bronze: LakeTable) -> list[AcceptedLoss]:
    """Return all losses that were ever accepted for a Bronze table, by partition and offset.

    Raises:
        TableError: The table's log can't be read.
    """
    recorded = json.loads(bronze.table_property(PROPERTY) or "[]")
    newest = (bronze.commit_metadata() or {}).get(METADATA, [])
    return sorted({_decode(loss) for loss in [*recorded, *newest]})


def record_losses(bronze: LakeTable) -> None:
    """Let the table's property name what its newest commit does, where it does not yet.

    Raises:
        ConcurrentWrite: Another writer committed to the table since it was opened.
        TableError: The table can't be written.
    """
    losses = [loss.encode() for loss in accepted_losses(bronze)]
    if losses != json.loads(bronze.table_property(PROPERTY) or "[]"):
        bronze.set_table_property(PROPERTY, json.dumps(losses))


def _decode(loss: dict[str, Any]) -> AcceptedLoss:
    return AcceptedLoss(
        partition=loss["partition"],
        start=loss["from"],
        end=loss["to"],
        why=loss["why"],
        at=datetime.fromisoformat(loss["at"]),
    )
