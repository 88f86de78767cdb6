"""By which definition a table's rows were computed, and what a commit of further rows makes of that."""

from __future__ import annotations

from streaming_assets.contract import EventSource
from streaming_assets.lake.layout import TableId
from streaming_assets.versions import MIXED, gold_version, silver_version


def present_definition(source: EventSource, table: TableId) -> str | None:
    """Return the version of the definition that a table has in its source; None for Bronze, which has none."""
    if table.layer == "bronze":
        return None
    if table.layer == "gold":
        return gold_version(next(gold for gold in source.gold if gold.name == table.table))
    return silver_version(source)


def definition_with(stored: str | None, present: str | None, *, rows: bool) -> str | None:
    """Return the version that all rows of a table are of after a commit; `MIXED` where they are of several.

    A table that does not say by which definition its rows were computed, as it is older than these versions,
    is taken to be of the present one.

    Args:
        stored: The version before the commit.
        present: Version that the commit's rows were computed by; None where the writer knows of none.
        rows: Whether it brings any.
    """
    if stored is None or present is None:
        return stored or present
    return MIXED if rows and stored != present else stored
