"""The engine that the settings name."""

from __future__ import annotations

from streaming_assets.engines.protocol import Engine
from streaming_assets.kafka.connection import Connection
from streaming_assets.settings import Settings


def make_engine(settings: Settings, connection: Connection | None) -> Engine:
    """Make the engine that the settings name.

    Args:
        settings: The settings.
        connection: The broker, None where only tables are read.
    """
    # An engine's libraries are loaded when it is used, and those of no other engine.
    from streaming_assets.engines.embedded import EmbeddedEngine  # noqa: PLC0415

    return EmbeddedEngine(settings, connection)
