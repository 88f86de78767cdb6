"""What must hold between the tables of a source, and whether it does: from the tables and the broker alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from streaming_assets.contract import EventSource, GoldTable
from streaming_assets.engines.audits import RowAudit, Scope, ValueAudit
from streaming_assets.engines.protocol import Engine
from streaming_assets.kafka.connection import Connection
from streaming_assets.lake import layout
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.losses import accepted_losses
from streaming_assets.lake.opening import open_table
from streaming_assets.lake.positions import START, Position, read_position
from streaming_assets.lake.tables import LakeTable
from streaming_assets.layers.batches import compare_batches
from streaming_assets.layers.compare_bytes import compare_bytes, plan_reading
from streaming_assets.layers.findings import (
    Finding,
    batches_agree,
    event_id_unique,
    gold_equals_recompute,
    none_sampled,
    offsets,
    outdated,
    reconciled,
    rows_equal_recompute,
    same_bytes,
    torn,
)
from streaming_assets.layers.gaps import KafkaAccess, settle, state_of
from streaming_assets.layers.outdated import outdated_tables
from streaming_assets.layers.scope import ALL, Choice, OffsetSpans, committed, scope_of, widened
from streaming_assets.layers.torn_rebuild import find_torn_rebuild


def _nobody(_what: str) -> None:
    """Tell nobody."""


def verify(
    source: EventSource,
    engine: Engine,
    connection: Connection | None = None,
    *,
    choice: Choice = ALL,
    tell: Callable[[str], None] = _nobody,
) -> Iterator[Finding]:
    """Check every table of a source against the one before it, and Bronze against Kafka.

    Args:
        source: The source. Nobody may write its tables meanwhile.
        engine: What reads and computes.
        connection: The broker; without one it stays unknown whether offsets that Bronze lacks are losses.
        choice: What is verified.
        tell: Told, in words, what is being done.

    Raises:
        TableError: A table can't be read.
    """
    verifier = Verifier(source, engine, connection, choice, tell)
    yield verifier.check_batches()
    yield from verifier.check_bronze()
    yield from verifier.check_silver()
    for table in source.gold:
        yield verifier.check_gold(table)


@dataclass
class Verifier:
    """Verifies one source; each check can be run alone."""

    source: EventSource
    """The source."""
    engine: Engine
    """What reads and computes."""
    connection: Connection | None = None
    """The broker; None where none is running."""
    choice: Choice = ALL
    """What is verified."""
    tell: Callable[[str], None] = field(default=_nobody)
    """Told, in words, what is being done."""

    def __post_init__(self) -> None:
        """Find what is verified, and what can't be: outdated tables, and those that a rebuild left torn."""
        self._bronze = self._open(layout.bronze(self.source))
        self._scope = scope_of(self._bronze, self.choice) if self._bronze else Scope(share=self.choice.share)
        self._outdated = outdated_tables(self.source, self.engine.lake)
        self._torn = find_torn_rebuild(self.source, self.engine.lake)

    def check_batches(self) -> Finding:
        """Check that what the tables record of their batches agrees."""
        self.tell("batches")
        return batches_agree(compare_batches(self.source, self.engine.lake))

    def check_bronze(self) -> Iterator[Finding]:
        """Check Bronze against Kafka."""
        yield self.check_offsets()
        if self.choice.deep:
            yield self.check_same_bytes()

    def check_offsets(self) -> Finding:
        """Check that each offset of the committed range is in Bronze once, under its day, or holds no record."""
        self.tell("bronze: offsets")
        losses = accepted_losses(self._bronze) if self._bronze else []
        audit = self.engine.audit_offsets(self.source, self._spans)
        settled = settle(audit.gaps, self._position, losses, replace(self._kafka, filled_from=audit.topic))
        return offsets(audit, settled, topic=self.source.topic.name, whole=not self.choice.timed)

    def check_same_bytes(self) -> Finding:
        """Check that Bronze has the bytes that Kafka has, of the records that Kafka still has."""
        self.tell("bronze: comparing bytes")
        state = state_of(self._kafka, self._position)
        if isinstance(state, str):
            return same_bytes(ValueAudit(), (f"left out: everything, as {state}",))
        reading = plan_reading(self._spans, state, self.choice.share)
        return compare_bytes(self.source, self.engine, reading, self._kafka)

    def check_silver(self) -> Iterator[Finding]:
        """Check Silver and quarantine against Bronze."""
        yield from self.check_counts()
        yield from self.check_rows()

    def check_counts(self) -> Iterator[Finding]:
        """Check that every Bronze row is in one place, and that no event is in Silver twice."""
        if self._torn is not None:
            yield from (torn(check, "silver", self._torn) for check in ("reconciled", "event_id_unique"))
            return
        self.tell("silver: counting")
        audit = self.engine.audit_counts(self.source, after=self._scope.after, upto=self._scope.upto)
        yield reconciled(audit, outdated=layout.silver(self.source) in self._outdated)
        yield event_id_unique(audit)

    def check_rows(self) -> Iterator[Finding]:
        """Check that each row of Silver and quarantine is what the present definition makes of Bronze."""
        if self._torn is not None:
            yield from (torn("equals_recompute", table, self._torn) for table in ("silver", "quarantine"))
            return
        if layout.silver(self.source) in self._outdated or layout.quarantine(self.source) in self._outdated:
            remedy = f"`streaming-assets refresh {self.source.name} --rebuild silver` computes it again"
            yield from (outdated(table, remedy) for table in ("silver", "quarantine"))
            return
        audit = RowAudit()
        for audit in self.engine.audit_rows(self.source, widened(self._scope, self._sampled_records())):
            self.tell(f"silver: {audit.records:,} records computed again")
        yield from rows_equal_recompute(audit)

    def check_gold(self, table: GoldTable) -> Finding:
        """Check a Gold table against Silver."""
        self.tell(f"gold: {table.name}")
        if layout.gold(self.source, table) in self._outdated:
            return outdated(f"gold.{table.name}", "the next refresh computes it again")
        groups = self._sampled_groups(table)
        audit = self.engine.audit_gold(self.source, table, widened(self._scope, groups))
        finding = gold_equals_recompute(table, audit)
        return none_sampled(finding) if groups and not (audit.rows or audit.missing) else finding

    def _sampled_records(self) -> int:
        """Return the number of records that a sample is taken of; 0 where all are compared."""
        if self.choice.share >= 1 or self._bronze is None:
            return 0
        upto = "" if self._scope.upto is None else f" AND batch <= {self._scope.upto}"
        return self._count(self._bronze, f"count(*) AS things FROM t WHERE batch > {self._scope.after}{upto}")

    def _sampled_groups(self, table: GoldTable) -> int:
        """Return the number of windows or keys that a sample is taken of; 0 where all are compared."""
        group = "window_start" if table.window else table.per
        gold = self._open(layout.gold(self.source, table))
        if self.choice.share >= 1 or group is None or gold is None:
            return 0
        return self._count(gold, f'count(DISTINCT "{group}") AS things FROM t')

    def _count(self, table: LakeTable, selected: str) -> int:
        if not table.files():
            return 0
        (found,) = table.query(f"SELECT {selected}").to_pylist()
        return int(found["things"])

    @property
    def _position(self) -> Position:
        return read_position(self._bronze) if self._bronze else START

    @property
    def _spans(self) -> OffsetSpans:
        return committed(self._bronze, self._position, self._scope) if self._bronze else {}

    @property
    def _kafka(self) -> KafkaAccess:
        return KafkaAccess(self.connection, self.source.topic.name, self.tell)

    def _open(self, table: TableId) -> LakeTable | None:
        return open_table(table, self.engine.lake)
