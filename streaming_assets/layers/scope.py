"""Which part of a source's tables is verified: all of it, or what was ingested in a time, or a sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from streaming_assets.engines.audits import Scope
from streaming_assets.lake.positions import Position, recorded_positions
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.lake.tables import LakeTable

OffsetSpans = Mapping[int, tuple[int, int]]
"""By partition the first offset, and the one behind the last."""

_LEAST = 100
"""Records, windows or keys that a sample has, if there are as many: a smaller one could have none, proving nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a person wants to have verified."""

    since: datetime | None = None
    """Records that were ingested at this time or later."""
    until: datetime | None = None
    """Records that were ingested before this time."""
    share: float = 1.0
    """Share of the records, windows and keys that are computed again, above 0 and up to 1."""
    deep: bool = False
    """Whether Bronze's bytes are compared with what Kafka still has."""

    @property
    def timed(self) -> bool:
        """Whether a time is chosen."""
        return self.since is not None or self.until is not None

    def left_out(self) -> list[str]:
        """Return what is not verified, in words."""
        times = [f"what was ingested before {self.since.isoformat(timespec='seconds')}"] if self.since else []
        times += [f"what was ingested at {self.until.isoformat(timespec='seconds')} or later"] if self.until else []
        percent = f"{self.share * 100:.4f}".rstrip("0").rstrip(".")
        rows = (
            f"row comparison of all but {percent}% of records, windows and keys (or all but about {_LEAST} of each, "
            "where that is more)"
        )
        bytes_ = "comparison of bytes with Kafka (use --deep)"
        return [*times, *([rows] if self.share < 1 else []), *([] if self.deep else [bytes_])]


ALL = Choice()
"""Everything but the comparison of bytes."""


def scope_of(bronze: LakeTable, choice: Choice) -> Scope:
    """Return the batches that were ingested in the chosen time, and the share of them; no batch where there is none.

    Raises:
        TableError: Bronze can't be read.
    """
    if not choice.timed:
        return Scope(share=choice.share)
    conditions = [f"ingested_at >= {_literal(choice.since)}"] if choice.since else []
    conditions += [f"ingested_at < {_literal(choice.until)}"] if choice.until else []
    sql = f"SELECT min(batch) AS first, max(batch) AS last FROM t WHERE {' AND '.join(conditions)}"  # noqa: S608 - times
    (found,) = bronze.query(sql).to_pylist()
    if found["first"] is None:
        return Scope(after=bronze.batch, upto=bronze.batch, share=choice.share)
    return Scope(after=max(found["first"] - 1, NO_BATCH), upto=found["last"], share=choice.share)


def widened(scope: Scope, things: int) -> Scope:
    """Return the scope with a share of so many records, windows or keys that is no smaller than about a hundred."""
    return replace(scope, share=min(1.0, max(scope.share, _LEAST / things))) if things else scope


def committed(bronze: LakeTable, position: Position, scope: Scope) -> OffsetSpans:
    """Return the offsets that Bronze is to have: from where it was filled from to its position, or those of batches.

    Where no commit tells, a span begins or ends with the rows that there are.

    Raises:
        TableError: Bronze can't be read.
    """
    whole = scope.after == NO_BATCH and scope.upto is None
    rows = _rows(bronze, "true" if whole else f"batch > {scope.after} AND batch <= {scope.upto}")
    if whole:
        return {
            partition: (position.starts.get(partition, rows.get(partition, (end, end))[0]), end)
            for partition, end in position.next_offsets.items()
        }
    recorded = recorded_positions(bronze)
    before, behind = recorded.get(scope.after), recorded.get(scope.upto or NO_BATCH)
    spans: dict[int, tuple[int, int]] = {}
    for partition in position.next_offsets:
        low, high = rows.get(partition, (None, None))
        if before or scope.after == NO_BATCH:  # a partition that had no position then was filled from its start
            start = position.starts.get(partition, low)
            low = before.next_offsets.get(partition, start) if before else start
        high = behind.next_offsets.get(partition, high) if behind else high
        if low is not None and high is not None:
            spans[partition] = (low, high)
    return spans


def _rows(bronze: LakeTable, where: str) -> dict[int, tuple[int, int]]:
    if not bronze.files():
        return {}
    columns = '"partition", min("offset") AS low, max("offset") + 1 AS high'
    sql = f'SELECT {columns} FROM t WHERE {where} GROUP BY "partition"'  # noqa: S608 - numbers
    return {row["partition"]: (row["low"], row["high"]) for row in bronze.query(sql).to_pylist()}


def _literal(moment: datetime) -> str:
    return f"'{moment.astimezone(UTC).isoformat()}'"
