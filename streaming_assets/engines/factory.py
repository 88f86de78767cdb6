"""The engines that the settings name."""

from __future__ import annotations

from typing import Self

from streaming_assets.contract import EventSource
from streaming_assets.engines.protocol import Engine
from streaming_assets.errors import EngineError
from streaming_assets.kafka.connection import Connection
from streaming_assets.settings import EngineName, Settings


class Engines:
    """The engines of all sources, each made when it is first needed."""

    def __init__(self, settings: Settings, connection: Connection | None, chosen: EngineName | None = None) -> None:
        """Remember the settings; nothing is opened.

        Args:
            settings: The settings, which name each source's engine.
            connection: The broker, None where only tables are read.
            chosen: An engine for all sources instead.
        """
        self._settings = settings
        self._connection = connection
        self._chosen = chosen
        self._made: dict[EngineName, Engine] = {}

    def of(self, source: EventSource) -> Engine:
        """Return the engine of a source.

        Raises:
            EngineError: It is not installed.
        """
        name = self._chosen or self._settings.engine_of(source.name)
        if name not in self._made:
            self._made[name] = make_engine(self._settings, self._connection, name)
        return self._made[name]

    def close(self) -> None:
        """Close those that were made; see `Engine.close`."""
        for engine in self._made.values():
            engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def make_engine(settings: Settings, connection: Connection | None, name: EngineName | None = None) -> Engine:
    """Make an engine.

    Args:
        settings: The settings.
        connection: The broker, None where only tables are read.
        name: The engine; None takes the settings'.

    Raises:
        EngineError: The engine is not installed, or runs elsewhere.
    """
    # An engine's libraries are loaded when it is used, and those of no other engine.
    if (name or settings.engine) == "databricks":
        raise elsewhere()
    if (name or settings.engine) == "spark":
        return _spark(settings, connection)
    from streaming_assets.engines.embedded import EmbeddedEngine  # noqa: PLC0415

    return EmbeddedEngine(settings, connection)


def _spark(settings: Settings, connection: Connection | None) -> Engine:
    try:
        from streaming_assets.engines.spark.engine import SparkEngine  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("pyspark"):
            raise
        raise EngineError(
            "Engine `spark` is not installed.",
            found="no package pyspark",
            expected="PySpark 4.0",
            meaning="nothing was read or written",
            remedy="`pip install 'streaming-assets[spark]'`, or use `--engine embedded`",
        ) from error
    return SparkEngine(settings, connection)


def elsewhere() -> EngineError:
    """Return the error of whoever wants to work on tables that only jobs in a workspace see."""
    return EngineError(
        "Engine `databricks` works in a workspace, not in this process.",
        found="a command that works on the tables itself",
        expected="a run of Dagster, which launches a job in the workspace and follows it",
        meaning="nothing was read or written",
        remedy="materialize the source's assets in Dagster (`streaming-assets up`), where its jobs `refresh_…`, "
        "`verify_…`, `replay_quarantine_…` and `maintain_…` do the same in the workspace; or, for tables of this "
        "machine, set STREAMING_ASSETS_ENGINE=embedded",
    )
