"""A rebuild of Silver that ended after Silver took its place, and before quarantine did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from streaming_assets.contract import EventSource
from streaming_assets.lake import layout
from streaming_assets.lake.opening import open_table
from streaming_assets.lake.remedies import refresh_command
from streaming_assets.lake.staging import find_staging


@dataclass(frozen=True, slots=True)
class TornRebuild:
    """Silver and quarantine that do not belong together, until somebody finishes the rebuild."""

    silver: int
    """Generation of Silver."""
    quarantine: int
    """Generation of quarantine."""
    way_out: str
    """The command that finishes it."""


def find_torn_rebuild(source: EventSource, lake: Path) -> TornRebuild | None:
    """Return the rebuild that replaced Silver alone; None where both tables are of the same generation.

    Raises:
        TableError: A table can't be read.
    """
    opened = (open_table(table, lake) for table in (layout.silver(source), layout.quarantine(source)))
    silver, quarantine = (table.generation if table else 0 for table in opened)
    if silver == quarantine:
        return None
    staging = find_staging(source, lake)
    staged = staging is not None and staging.generation == silver
    # Where what was staged is gone, a refresh would stop, too: both tables have to be made anew.
    way_out = refresh_command(layout.silver(source), *(() if staged else ("--rebuild", "silver")))
    return TornRebuild(silver, quarantine, way_out)
