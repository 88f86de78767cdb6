"""Static analysis of a plugin's SQL: what is wrong with it is known at load time, before any data.

Plugin SQL is written in Spark's dialect; Spark runs it as it stands, and the embedded engine runs what
sqlglot makes of it for DuckDB. Only what was compared on both (Spark 4.0 with ANSI mode on, its default,
session time zone UTC; DuckDB 2.0; sqlglot 30) and gives the same rows is let through.
"""

from __future__ import annotations

from streaming_assets.sqlcheck.gold import gold_faults
from streaming_assets.sqlcheck.lineage import column_lineage
from streaming_assets.sqlcheck.patterns import field_pattern_problem
from streaming_assets.sqlcheck.relations import EVENTS, SILVER, SILVER_RESERVED, silver_relation
from streaming_assets.sqlcheck.silver import silver_faults

__all__ = [
    "EVENTS",
    "SILVER",
    "SILVER_RESERVED",
    "column_lineage",
    "field_pattern_problem",
    "gold_faults",
    "silver_faults",
    "silver_relation",
]
