"""What is in quarantine, and what has left it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from streaming_assets.contract import EventSource
from streaming_assets.fitting import shown_detail
from streaming_assets.lake import layout
from streaming_assets.lake.opening import read_newest
from streaming_assets.lake.schemas import IN_QUARANTINE
from streaming_assets.lake.tables import LakeTable

_TOTALS = "SELECT count(released_batch) AS released, count(duplicate_of) AS duplicates FROM t"

_GROUPS = f"""
SELECT reason, field, count(*) AS records, {{newest}}
FROM t WHERE {IN_QUARANTINE} GROUP BY reason, field ORDER BY records DESC, reason, field
"""  # noqa: S608 - no data in it

_NEWEST = 'ingested_at DESC, batch DESC, "offset" DESC, "partition"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A quarantined record."""

    topic: str
    """Kafka topic."""
    partition: int
    """Kafka partition."""
    offset: int
    """Offset in the partition."""
    ingested_at: datetime
    """When it was read from Kafka, UTC."""
    detail: str
    """What was found and what was expected; nothing that a pseudonymous field holds."""
    value: bytes | None
    """The value as it came, personal data and all; None where it was not asked for, or the record has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The records that are in quarantine for one reason at one field."""

    reason: str
    """Why; one of `fitting.Reason`."""
    field: str | None
    """JSON path of the field; None for the record as a whole."""
    records: int
    """How many."""
    newest: Example
    """The one that was read from Kafka last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineState:
    """How a quarantine stands."""

    source: str
    """The source."""
    records: int
    """Records in quarantine."""
    released: int
    """Records that replays have released."""
    duplicates: int
    """How many of those did not go to Silver, because their event was there already."""
    groups: tuple[Group, ...]
    """What is in quarantine, the largest group first."""


def quarantine_state(source: EventSource, lake: Path, *, raw: bool = False) -> QuarantineState:
    """Return how the quarantine of a source stands; one that does not exist is empty.

    Args:
        source: The source.
        lake: Folder of the tables.
        raw: Whether the examples have their values, in which pseudonymous fields stand in clear.

    Raises:
        TableError: It can't be read.
    """
    return read_newest(layout.quarantine(source), lake, lambda quarantine: _state(source, quarantine, raw=raw))


def _state(source: EventSource, quarantine: LakeTable | None, *, raw: bool) -> QuarantineState:
    if quarantine is None:
        return QuarantineState(source=source.name, records=0, released=0, duplicates=0, groups=())
    totals = quarantine.query(_TOTALS).to_pylist()[0]
    columns = ("topic", "partition", "offset", "ingested_at", "detail", *(("value",) if raw else ()))
    newest = ", ".join(f'first_value("{column}" ORDER BY {_NEWEST}) AS "{column}"' for column in columns)
    rows = quarantine.query(_GROUPS.format(newest=newest)).to_pylist()
    groups = tuple(_group(source, row) for row in rows)
    return QuarantineState(source=source.name, records=sum(group.records for group in groups), groups=groups, **totals)


def _group(source: EventSource, row: dict[str, Any]) -> Group:
    newest = Example(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        ingested_at=row["ingested_at"],
        # Once more, as the field may have become pseudonymous after the record came.
        detail=shown_detail(source.schema, row["field"], row["detail"] or ""),
        value=row.get("value"),
    )
    return Group(reason=row["reason"], field=row["field"], records=row["records"], newest=newest)
