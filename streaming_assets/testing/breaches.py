"""What `verify` finds wrong in tables of a test, and how a check tells it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streaming_assets.contract import EventSource
from streaming_assets.engines.factory import make_engine
from streaming_assets.kafka.connection import Connection
from streaming_assets.layers.findings import NAME_THE_KEYS, Finding
from streaming_assets.layers.verify import verify
from streaming_assets.settings import Settings

_EXAMPLES = 2


def breaches_of(source: EventSource, settings: Settings, connection: Connection | None = None) -> list[Finding]:
    """Return the findings of `verify` that do not hold.

    Args:
        source: The source.
        settings: Where its tables lie, and what reads them.
        connection: The broker that Bronze is compared with; None compares tables alone.
    """
    engine = make_engine(settings, connection)
    try:
        return [finding for finding in verify(source, engine, connection) if not finding.passed]
    finally:
        engine.close()


def lines(breaches: Iterable[Finding]) -> list[str]:
    """Return a line for each, with examples."""
    return [
        f"- {each.check} of {each.table}: {'; '.join([each.found, *each.examples[:_EXAMPLES]])}" for each in breaches
    ]


def remedy_of(breaches: Sequence[Finding], otherwise: str) -> str:
    """Return what to do: where all that is wrong are keys that do not identify, it is about them."""
    return NAME_THE_KEYS if breaches and all(NAME_THE_KEYS in each.notes for each in breaches) else otherwise
