"""Which tables a source has, and where each lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from streaming_assets.contract import EventSource, GoldTable

Layer = Literal["bronze", "silver", "quarantine", "gold"]


@dataclass(frozen=True, slots=True)
class TableId:
    """The identity of a table."""

    source: str
    """Name of the event source."""
    layer: Layer
    """The layer it belongs to."""
    table: str | None = None
    """Name of a Gold table; None in the other layers, which have one table each."""

    @property
    def name(self) -> str:
        """Name for people: `github_events.gold.top_repositories`."""
        return ".".join(part for part in (self.source, self.layer, self.table) if part)

    @property
    def app_id(self) -> str:
        """The table's application id in Delta `txn` actions: the same for every engine."""
        return f"streaming_assets/{self.name}"

    def path(self, lake: Path) -> Path:
        """Return the table's folder."""
        folder = lake / self.source / self.layer
        return folder / self.table if self.table else folder


def bronze(source: EventSource) -> TableId:
    """Return the identity of the source's Bronze table."""
    return TableId(source.name, "bronze")


def silver(source: EventSource) -> TableId:
    """Return the identity of the source's Silver table."""
    return TableId(source.name, "silver")


def quarantine(source: EventSource) -> TableId:
    """Return the identity of the source's quarantine table."""
    return TableId(source.name, "quarantine")


def gold(source: EventSource, table: GoldTable) -> TableId:
    """Return the identity of one of the source's Gold tables."""
    return TableId(source.name, "gold", table.name)


def tables_of(source: EventSource) -> list[TableId]:
    """Return all tables of a source, in the order in which events pass through them."""
    return [bronze(source), silver(source), quarantine(source), *(gold(source, table) for table in source.gold)]
