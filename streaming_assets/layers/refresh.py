"""A refresh: everything a source's topic holds goes through Bronze and Silver to all Gold tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from streaming_assets.contract import EventSource, GoldTable
from streaming_assets.engines.protocol import (
    Aggregated,
    Engine,
    Ingested,
    Rebuilt,
    Refined,
    Replayed,
    Selection,
    Staged,
)
from streaming_assets.errors import TopicChanged
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.topics import ensure_topic
from streaming_assets.lake.lock import source_lock
from streaming_assets.lake.order import expect_bronze_complete
from streaming_assets.layers.bronze import naming_ways_out, plan_again, plan_ingest, was_read
from streaming_assets.layers.undo import Undone, undo_foreign_writes
from streaming_assets.settings import Settings

Rebuild = Literal["silver", "gold"]
"""What is made anew: Silver and quarantine from Bronze, and with them Gold; or the Gold tables."""

Step = Ingested | Refined | Aggregated | Undone | Staged | Rebuilt
"""One commit, or two where Silver and quarantine go together."""

ReplayStep = Refined | Replayed | Aggregated
"""The same of a replay; a slice of it makes up to three commits."""


class SourceRefresh:
    """Refreshes the tables of one source; a table can also be refreshed alone, as Dagster does it."""

    def __init__(  # noqa: PLR0913 - what is refreshed, by what, and the caller's wishes by name
        self,
        source: EventSource,
        settings: Settings,
        engine: Engine,
        connection: Connection | None,
        *,
        on_wait: Callable[[], None] | None = None,
        accept_loss: bool = False,
        undo_foreign_writes: bool = False,
        rebuild: Rebuild | None = None,
    ) -> None:
        """Remember what is refreshed by what.

        Args:
            source: The source.
            settings: The settings.
            engine: What computes and commits.
            connection: The broker; None where Bronze is not refreshed.
            on_wait: Called once if another process refreshes the source and this one has to wait.
            accept_loss: Go on after records that Kafka deleted before they were read; Bronze records the loss.
            undo_foreign_writes: First take back what other writers did to the tables.
            rebuild: What is made anew, whether its definition changed or not.
        """
        self.source = source
        self._settings = settings
        self._engine = engine
        self._connection = connection
        self._on_wait = on_wait
        self._accept_loss = accept_loss
        self._undo = undo_foreign_writes
        self._rebuild = rebuild

    def run(self) -> Iterator[Step]:
        """Refresh all tables; nothing is committed if nothing is new.

        Yields what is worth reporting; repairs of an interrupted run are committed silently.

        Raises:
            TableBusy: Another process on this machine refreshes the source and does not finish in time.
            StreamingAssetsError: What went wrong; everything committed before stays and is not done again.
        """
        with self._lock():
            yield from self._take_back()
            yield from self._make_anew()  # first, as it mends tables for which Bronze would not be read on
            yield from self._ingest()
            yield from self._engine.refine(self.source)
            for table in self.source.gold:
                yield from self._aggregate(table)

    def bronze(self) -> Iterator[Undone | Ingested]:
        """Refresh Bronze alone, after what others did to any table was taken back if asked for; raises as `run`."""
        with self._lock():
            yield from self._take_back()
            yield from self._ingest()

    def silver(self) -> Iterator[Refined | Staged | Rebuilt]:
        """Refresh Silver and quarantine alone; raises as `run`."""
        with self._lock():
            yield from self._make_anew()
            yield from self._engine.refine(self.source)

    def gold(self, table: GoldTable) -> Iterator[Aggregated]:
        """Refresh one Gold table alone; raises as `run`."""
        with self._lock():
            yield from self._aggregate(table)

    def replay(self, selection: Selection) -> Iterator[ReplayStep]:
        """Send quarantined records through the plugin as it is now, and what fits on to all Gold tables.

        Silver is brought up to Bronze before, because a replay takes the batch after Bronze's last one. It may end at
        any moment: the next replay, or refresh, goes on where this one was.

        Args:
            selection: Which records.

        Raises:
            TableBusy: Another process on this machine refreshes the source and does not finish in time.
            StreamingAssetsError: What went wrong; everything committed before stays and is not done again.
        """
        with self._lock():
            yield from self._engine.refine(self.source)
            yield from self._engine.replay(self.source, selection)
            for table in self.source.gold:
                yield from self._aggregate(table)

    def _take_back(self) -> Iterator[Undone]:
        if self._undo:
            yield from undo_foreign_writes(self.source, self._settings.lake_path)

    def _ingest(self) -> Iterator[Ingested]:
        if self._connection is None:
            raise ValueError("Bronze can't be refreshed without a broker")
        lake = self._settings.lake_path
        expect_bronze_complete(self.source, lake)
        if not was_read(self.source, lake):
            ensure_topic(self._connection, self.source.topic)
        with naming_ways_out(self.source, lake):
            yield from self._read(self._connection, lake)

    def _read(self, connection: Connection, lake: Path) -> Iterator[Ingested]:
        plan = plan_ingest(self.source, connection, lake, accept_loss=self._accept_loss)
        if plan is None:
            return
        try:
            yield from self._engine.ingest(plan)
        except TopicChanged as error:
            again = plan_again(error, self.source, connection, lake)
            if again is not None:
                yield from self._engine.ingest(again)

    def _make_anew(self) -> Iterator[Staged | Rebuilt]:
        if self._rebuild == "silver":
            yield from self._engine.rebuild(self.source)

    def _aggregate(self, table: GoldTable) -> Iterator[Aggregated]:
        aggregated = self._engine.aggregate(self.source, table, rebuild=self._rebuild == "gold")
        if aggregated is not None:
            yield aggregated

    @contextmanager
    def _lock(self) -> Iterator[None]:
        settings = self._settings
        with source_lock(settings.home, self.source.name, timeout=settings.lock_timeout_seconds, on_wait=self._on_wait):
            yield
