"""What every engine can do. The layers decide what is to be done; an engine computes and commits it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from streaming_assets.contract import EventSource, GoldTable
from streaming_assets.engines.audits import EVERYTHING, CountAudit, GoldAudit, OffsetAudit, RowAudit, Scope, ValueAudit
from streaming_assets.lake.losses import AcceptedLoss
from streaming_assets.lake.positions import Position
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.settings import FUNCTION_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestPlan:
    """A range of Kafka offsets that is to be in Bronze."""

    source: EventSource
    """The source."""
    start: Position
    """Where to begin, with the identity of cluster and topic."""
    end: Mapping[int, int]
    """First offset by partition that is not wanted any more."""
    first_batch: int
    """Number of the first commit; it fences: Bronze must contain the batch before and no later one."""
    accepting: tuple[AcceptedLoss, ...] = ()
    """What lies between Bronze's position and `start`; a commit without rows records it, and moves the position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """One Bronze commit."""

    batch: int
    """Its number."""
    records: int
    """How many records it holds."""
    position: Position
    """What comes next."""
    accepted: tuple[AcceptedLoss, ...] = ()
    """The losses that it records; then it holds no record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refined:
    """One step of Silver: a slice of Bronze batches is in Silver and quarantine."""

    batch: int
    """Last batch of the slice."""
    records: int
    """Bronze records of the slice."""
    silver: int
    """Rows that went to Silver."""
    quarantined: int
    """Rows that went to quarantine."""
    duplicates: int
    """Records whose event is in Silver already, or twice in the slice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which quarantined records are replayed; all of them where nothing is said."""

    reason: str | None = None
    """Those with this reason."""
    since: datetime | None = None
    """Those that were read from Kafka (`ingested_at`) at this time or later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One step of a replay: a slice of quarantine went through the present schema and Silver transform."""

    batch: int | None
    """The batch that released records; None where none was released."""
    records: int
    """Quarantined records that were looked at."""
    silver: int
    """Rows that went to Silver."""
    duplicates: int
    """Records that left quarantine because their event is in Silver already."""
    quarantined: int
    """Records that still do not fit."""
    changed: int
    """How many of those now do not fit for another reason, at another field, or with another detail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """One step of a rebuild: a slice of Bronze is in the tables under construction."""

    batch: int
    """Last batch of the slice."""
    records: int
    """Bronze records that are in them by now."""
    total: int
    """Bronze records that will be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """Silver and quarantine were replaced by what the present definition makes of Bronze."""

    batch: int
    """Last batch that they contain."""
    generation: int
    """How often they have been made anew."""
    silver: int
    """Rows of Silver."""
    quarantined: int
    """Rows of quarantine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregated:
    """One Gold commit."""

    table: str
    """Name of the Gold table."""
    batch: int
    """Last batch the table contains now."""
    rows: int
    """Rows that were written."""
    ranges: int | None
    """How many ranges of windows or keys were replaced; None if the whole table was."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an engine takes at once."""

    records: int
    """Most records in one batch."""
    bytes: int
    """Most bytes of keys and values in one batch."""
    function_seconds: float = FUNCTION_SECONDS
    """Longest time that a Silver function may take for what it is given at once."""


class Engine(Protocol):
    """Computes and commits the tables of a source. Every commit is idempotent and fenced by its batch."""

    name: str
    """The engine's name in the settings."""
    lake: Path
    """Folder of the tables."""

    def ingest(self, plan: IngestPlan) -> Iterator[Ingested]:
        """Copy records from Kafka to Bronze, one commit a batch, bounded in records and bytes."""
        ...

    def refine(self, source: EventSource) -> Iterator[Refined]:
        """Bring the Bronze batches that Silver and quarantine do not contain into them, slice by slice."""
        ...

    def replay(self, source: EventSource, selection: Selection) -> Iterator[Replayed]:
        """Send quarantined records through the present schema and transform, slice by slice.

        Silver must contain all of Bronze's batches. A slice that releases records makes three commits, in this order:
        an empty Bronze batch, which repeats the position; Silver's, with the rows that fit now under that batch, so
        that Gold finds them; quarantine's, which marks the records. Silver's is the truth: where a process ends
        before quarantine's commit, the next `refine` releases the records that Silver has. Duplicates, which it can't
        identify, stay in quarantine until the next replay releases them.
        """
        ...

    def rebuild(self, source: EventSource) -> Iterator[Staged | Rebuilt]:
        """Make Silver and quarantine anew from all of Bronze, and put them in the place of the old ones.

        Readers see the old tables or the new ones. A rebuild that was ended goes on where it was; one that was
        ended while the tables changed places is finished by whatever refines next.
        """
        ...

    def aggregate(self, source: EventSource, table: GoldTable, *, rebuild: bool = False) -> Aggregated | None:
        """Bring a Gold table up to Silver's batch; None if it was there already.

        It is computed as a whole where its definition changed, where Silver was made anew, or where `rebuild` asks
        for it.
        """
        ...

    def audit_counts(self, source: EventSource, *, after: int = NO_BATCH, upto: int | None = None) -> CountAudit:
        """Count the tables of a source against each other, record by record.

        Args:
            source: The source.
            after: Bronze batch before the first that is counted.
            upto: Last Bronze batch that is counted; None: all that Silver contains.
        """
        ...

    def audit_offsets(self, source: EventSource, spans: Mapping[int, tuple[int, int]]) -> OffsetAudit:
        """Look for offsets that Bronze lacks or has twice.

        Args:
            source: The source.
            spans: By partition the first offset that Bronze is to have, and the one behind the last.
        """
        ...

    def audit_rows(self, source: EventSource, scope: Scope = EVERYTHING) -> Iterator[RowAudit]:
        """Refine Bronze again and compare Silver's and quarantine's rows with the result; yield after every slice."""
        ...

    def audit_values(self, source: EventSource, records: pa.Table) -> ValueAudit:
        """Compare records that were read from Kafka, with the columns of Bronze's first eight, with Bronze's rows."""
        ...

    def audit_gold(self, source: EventSource, table: GoldTable, scope: Scope = EVERYTHING) -> GoldAudit:
        """Compare a Gold table with its computation from all of Silver that it contains, row by row."""
        ...

    def close(self) -> None:
        """Release what the engine holds; it can be used again.

        A process that lives long does so between refreshes: DuckDB keeps some bookkeeping of each query, about
        40 KiB for a refresh, as long as it is open.
        """
        ...
