"""What a run works with: settings, broker and engine, opened when they are first used and closed with the run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self, get_args

import dagster as dg

from streaming_assets.contract import EventSource
from streaming_assets.engines.factory import Engines
from streaming_assets.engines.protocol import Engine
from streaming_assets.kafka.broker import connect
from streaming_assets.kafka.connection import Connection
from streaming_assets.lake.lock import source_lock
from streaming_assets.layers.refresh import Rebuild, SourceRefresh
from streaming_assets.settings import EngineName, Settings


class Runtime:
    """Opens what a run needs. A run that reads no Kafka records needs no broker, and starts none."""

    def __init__(self, settings: Settings, log: logging.Logger, engine: EngineName | None = None) -> None:
        """Remember the settings; nothing is opened.

        Args:
            settings: The settings.
            log: Told what is waited for.
            engine: An engine for all sources; None leaves each its own.
        """
        self.settings = settings
        self._engine = engine
        self._log = log
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, traceback)

    def engine_of(self, source: EventSource) -> EngineName:
        """Return the name of the engine that fills a source's tables in this run."""
        return self._engine or self.settings.engine_of(source.name)

    @property
    def lake(self) -> Path:
        """Folder of the tables."""
        return self.settings.lake_path

    @cached_property
    def connection(self) -> Connection:
        """The broker; where none is configured and none runs, one is started and runs until the run ends.

        Raises:
            BrokerError: It can't be started.
        """
        return self._open.enter_context(connect(self.settings, start=True, on_progress=self._log.info))

    @cached_property
    def _engines(self) -> Engines:
        return self._open.enter_context(Engines(self.settings, self.connection, self._engine))

    @cached_property
    def _table_engines(self) -> Engines:
        return self._open.enter_context(Engines(self.settings, None, self._engine))

    def table_engine(self, source: EventSource) -> Engine:
        """Return the engine of a source for everything after Bronze; it needs no broker."""
        return self._table_engines.of(source)

    def refresh(
        self, source: EventSource, *, accept_loss: bool = False, undo_foreign_writes: bool = False
    ) -> SourceRefresh:
        """Return the refresh of a source that reads Kafka; raises as `connection`. For the wishes see there."""
        return SourceRefresh(
            source,
            self.settings,
            self._engines.of(source),
            self.connection,
            on_wait=lambda: self._waits(source),
            accept_loss=accept_loss,
            undo_foreign_writes=undo_foreign_writes,
        )

    def refresh_tables(self, source: EventSource, *, rebuild: Rebuild | None = None) -> SourceRefresh:
        """Return the refresh of a source's tables after Bronze, which needs no broker."""
        return SourceRefresh(
            source, self.settings, self.table_engine(source), None, on_wait=lambda: self._waits(source), rebuild=rebuild
        )

    def locked(self, source: EventSource) -> AbstractContextManager[None]:
        """Hold the source's lock, so that no table changes meanwhile.

        Raises:
            TableBusy: Another process holds it for too long.
        """
        settings = self.settings
        return source_lock(
            settings.home,
            source.name,
            timeout=settings.lock_timeout_seconds,
            on_wait=lambda: self._waits(source),
        )

    def _waits(self, source: EventSource) -> None:
        self._log.info(f"Another process is at work on {source.name}; waiting for it.")


def runtime_resource(settings: Settings) -> dg.ResourceDefinition:
    """Make the resource `runtime`, which gives each run a `Runtime`."""

    @dg.resource(
        description="Settings, Kafka broker and engine.",
        config_schema={
            "engine": dg.Field(
                dg.Noneable(dg.Enum("Engine", [dg.EnumValue(name) for name in get_args(EngineName)])),
                default_value=None,
                description="What computes and commits the tables in this run; null: what the settings say.",
            )
        },
    )
    def runtime(context: dg.InitResourceContext) -> Iterator[Runtime]:
        if context.log is None:  # the type allows it, Dagster never does it
            raise ValueError("a resource was made without a log")
        with Runtime(settings, context.log, context.resource_config["engine"]) as opened:
            yield opened

    return runtime
