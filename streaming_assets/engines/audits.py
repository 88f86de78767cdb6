"""What an engine finds when it compares the tables of a source with each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streaming_assets.engines.offset_ranges import OffsetRanges
from streaming_assets.lake.snapshot import NO_BATCH

EXAMPLES = 5
"""So many examples of one fault are shown, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountAudit:
    """The tables of a source, counted against each other, for batches up to Silver's."""

    bronze: int
    """Bronze rows."""
    silver: int
    """Silver rows."""
    quarantine: int
    """Quarantined rows."""
    duplicates: int
    """Bronze rows in neither table whose event Silver has, brought by another Bronze row."""
    lost: int
    """Bronze rows in neither table whose event Silver does not have."""
    repeated_events: int
    """Events (id and time) that are in Silver more than once."""
    repeated_ids: int
    """Event ids in Silver with more than one row."""
    in_both: int
    """Records that are in Silver and in quarantine."""
    without_bronze: int
    """Rows of Silver and quarantine that come from no Bronze row."""
    examples: tuple[str, ...] = ()
    """Some of the records that are out of place, as a person can look them up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetAudit:
    """Which offsets of a range are in Bronze."""

    records: int
    """Bronze rows inside the range."""
    repeated: int
    """Records of the range that are in Bronze more than once."""
    outside: int
    """Bronze rows outside the range, or of another topic than most rows."""
    misplaced: int = 0
    """Bronze rows inside the range in the partition of another day than that of their `ingested_at`."""
    topic: str | None = None
    """The topic that Bronze was filled from, by its rows; None where it has none."""
    gaps: Mapping[int, OffsetRanges]
    """Offsets of the range that are not in Bronze, by partition."""
    examples: tuple[str, ...] = ()
    """Some of the records that are repeated, outside or misplaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowAudit:
    """Rows of Silver and quarantine compared with what the present definition makes of Bronze, as far as it has come.

    Missing rows are not looked for; `CountAudit.lost` has them.
    """

    records: int = 0
    """Bronze rows that were refined again."""
    silver: int = 0
    """Silver rows that were compared with them."""
    quarantine: int = 0
    """Rows of quarantine that were compared with them, released ones included."""
    wrong_silver: int = 0
    """Silver rows that differ from what their Bronze row becomes, are there more often, have another batch than it and
    than the replay that brought them, or lie in the partition of another day."""
    wrong_quarantine: int = 0
    """Records of quarantine whose raw columns are not Bronze's, whose reason is another one, whose release can't be, or
    that are there twice."""
    silver_examples: tuple[str, ...] = ()
    """Some of the wrong Silver rows."""
    quarantine_examples: tuple[str, ...] = ()
    """Some of the wrong rows of quarantine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueAudit:
    """Bronze rows compared with the records that Kafka still has."""

    compared: int = 0
    """Records that were compared."""
    differing: int = 0
    """Records that are in Bronze with another value, key, timestamp or other headers."""
    examples: tuple[str, ...] = ()
    """Some of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldAudit:
    """A Gold table compared with its computation from all of Silver."""

    table: str
    """Name of the Gold table."""
    rows: int
    """Rows it has."""
    missing: int
    """Rows of the full computation that it lacks."""
    unexpected: int
    """Rows it has that the full computation does not give."""
    repeated_keys: int = 0
    """Keys that more than one of its rows has."""
    examples: tuple[str, ...] = ()
    """The keys of some rows that are missing, unexpected or repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The part of the tables that is audited row by row."""

    after: int = NO_BATCH
    """Bronze batch before the first one."""
    upto: int | None = None
    """Last Bronze batch; None: all that Silver contains."""
    share: float = 1.0
    """Share of the records, windows or keys that are computed again, chosen by a hash: always the same ones."""


EVERYTHING = Scope()
"""All rows of all tables."""
