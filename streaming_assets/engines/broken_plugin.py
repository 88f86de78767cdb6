"""When a plugin's transform or query is broken, and not the records; the errors are those of every engine."""

from __future__ import annotations

from streaming_assets.contract import EventSource, GoldTable
from streaming_assets.errors import PluginError

ALL_FAIL = 10
"""So many records, all of a slice, that fail in the same way: the transform is broken, not the records."""

MOST_FAILURES = 1_000
"""So many records of one slice that fail: finding more of them one by one would look like a hang."""


def broken_silver(source: EventSource, why: str) -> PluginError:
    """Return the error of a Silver transform that can't run."""
    return PluginError(
        f"The Silver {'SQL' if source.silver.function is None else 'function'} of {source.name} can't run.",
        found=why,
        meaning="nothing was written; Bronze has every record",
        remedy=f"fix the plugin (`streaming-assets plugins check {source.name}`), then run the refresh again",
    )


def broken_gold(source: EventSource, table: GoldTable, found: str) -> PluginError:
    """Return the error of a Gold table whose query can't run, or does not give the declared columns."""
    return PluginError(
        f"The SQL of Gold table {source.name}.{table.name} can't run.",
        found=found,
        expected="rows with the declared columns",
        meaning="the table is as it was; Bronze and Silver have every record",
        remedy=f"fix the plugin (`streaming-assets plugins check {source.name}`), then refresh again",
    )
