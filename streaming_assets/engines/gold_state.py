"""A Gold table to be brought up to Silver, and whether it has to be computed as a whole."""

from __future__ import annotations

from pathlib import Path

from streaming_assets.contract import EventSource, GoldTable
from streaming_assets.lake import layout
from streaming_assets.lake.columns import other_columns
from streaming_assets.lake.opening import open_or_create, open_table
from streaming_assets.lake.schemas import gold_schema
from streaming_assets.lake.tables import LakeTable
from streaming_assets.versions import gold_version


def open_gold(
    source: EventSource, table: GoldTable, lake: Path, silver: LakeTable, *, rebuild: bool
) -> tuple[LakeTable, bool]:
    """Open a table, created empty where it does not exist; tell whether all of it, columns too, has to be made anew.

    Args:
        source: The source.
        table: The table.
        lake: Folder of the tables.
        silver: What it is computed from.
        rebuild: Whether it is to be made anew whatever it is, also where others changed it.

    Raises:
        ForeignWrite: Another writer changed it.
        TableError: It can't be read or created.
    """
    identity = layout.gold(source, table)
    gold = open_table(identity, lake)
    if gold is not None:
        if not rebuild:  # a rebuild replaces what others did
            gold.expect_ours()
        if rebuild or _computed_otherwise(gold, table, silver):
            return gold, True
    return open_or_create(source, identity, lake, description=table.description), False


def _computed_otherwise(gold: LakeTable, table: GoldTable, silver: LakeTable) -> bool:
    """Tell whether a table was computed by another definition, or from a Silver that was made anew since."""
    if gold.generation != silver.generation:
        return True
    if gold.definition is None:  # it is older than these versions; its columns are all there is to go by
        return bool(other_columns(gold.arrow_schema(), gold_schema(table)))
    return gold.definition != gold_version(table)
