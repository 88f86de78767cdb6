"""Whether a Gold table has to be computed as a whole."""

from __future__ import annotations

from streaming_assets.contract import GoldTable
from streaming_assets.lake.columns import other_columns
from streaming_assets.lake.schemas import gold_schema
from streaming_assets.lake.tables import LakeTable
from streaming_assets.versions import gold_version


def computed_otherwise(gold: LakeTable, table: GoldTable, silver: LakeTable) -> bool:
    """Tell whether a table was computed by another definition, or from a Silver that was made anew since."""
    if gold.generation != silver.generation:
        return True
    if gold.definition is None:  # it is older than these versions; its columns are all there is to go by
        return bool(other_columns(gold.arrow_schema(), gold_schema(table)))
    return gold.definition != gold_version(table)
