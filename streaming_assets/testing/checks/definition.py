"""The definition has no fault; those of charts and of SQL are told by the checks of their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from streaming_assets.contract import EventSource
from streaming_assets.errors import Fault, InvalidDefinition, NotConforming, StreamingAssetsError, UnknownSource
from streaming_assets.registry import load_sources

_CHARTS = re.compile(r"gold\..*\.charts\b.*")
_SQL = re.compile(r"(silver|gold\..*)\.sql")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plugin, loaded as the framework does it."""

    name: str
    """Name of the source, or of the plugin."""
    source: EventSource | None
    """The source; None where it can't be used."""
    error: StreamingAssetsError | None
    """Why it can't."""

    def faults(self) -> Sequence[Fault]:
        """Return the faults of the definition."""
        return self.error.faults if isinstance(self.error, InvalidDefinition) else []


def load(name: str) -> Loaded:
    """Load all plugins that are installed, and return the one of a name."""
    registry = load_sources()
    try:
        return Loaded(name, registry.get(name), None)  # also where a broken plugin of another package has the name
    except UnknownSource as error:
        broken = next((plugin.error for plugin in registry.broken if plugin.name == name), None)
        return Loaded(name, None, broken or error)


def check_definition(loaded: Loaded) -> None:
    """Check that the plugin is loaded, and that its definition has no fault besides those of charts and SQL.

    Raises:
        StreamingAssetsError: It is not installed, can't be loaded, or its definition has faults.
    """
    others = [fault for fault in loaded.faults() if not (_CHARTS.fullmatch(fault.where) or _SQL.fullmatch(fault.where))]
    if others:
        raise InvalidDefinition(loaded.name, others)
    if loaded.error is not None and not loaded.faults():
        raise loaded.error


def check_sql(loaded: Loaded) -> None:
    """Check that the SQL means the same to every engine.

    Raises:
        NotConforming: It does not, or can't be read.
    """
    _expect_none(
        loaded,
        _SQL,
        "The SQL of {} has faults.",
        "SQL that gives the declared columns, and the same rows by every engine",
    )


def check_chart_columns(loaded: Loaded) -> None:
    """Check that charts name columns that there are.

    Raises:
        NotConforming: One does not, or names one that can't be drawn.
    """
    _expect_none(loaded, _CHARTS, "The charts of {} have faults.", "the columns that the table declares")


def _expect_none(loaded: Loaded, kind: re.Pattern[str], summary: str, expected: str) -> None:
    found = [str(fault) for fault in loaded.faults() if kind.fullmatch(fault.where)]
    if found:
        raise NotConforming(
            summary.format(loaded.name),
            found="\n".join(f"- {fault}" for fault in found),
            expected=expected,
            meaning="the plugin is left out",
            remedy=f"`streaming-assets plugins check {loaded.name}` shows each place",
        )
