"""Versions of definitions: which definition a table's rows were computed by."""

from __future__ import annotations

from streaming_assets.contract import EventSource, GoldTable
from streaming_assets.versions.hashing import code_version

__all__ = ["MIXED", "code_version", "gold_version", "silver_version"]

MIXED = "mixed"
"""Stands in the place of a version where rows of one table were computed by several definitions."""


def silver_version(source: EventSource) -> str:
    """Return the version of what decides the rows of Silver and quarantine: event schema, transform and columns."""
    return code_version(source.schema, source.silver)


def gold_version(table: GoldTable) -> str:
    """Return the version of what decides a Gold table's rows: query, columns, keys, and window or key column."""
    return code_version(table)
