"""Some records of many: examples for people, and samples that are always the same."""

from __future__ import annotations

import duckdb

from streaming_assets.engines.audits import EXAMPLES

_HASHED = 1_000_000


def examples(connection: duckdb.DuckDBPyConnection, query: str, what: str) -> tuple[str, ...]:
    """Return some rows of a query that has `PLACE` as text, the first few by partition and offset."""
    some = f'SELECT DISTINCT "partition", "offset" FROM ({query}) ORDER BY ALL LIMIT {EXAMPLES}'
    return tuple(f"{what}: partition {one}, offset {offset}" for one, offset in connection.sql(some).fetchall())


def sampled(share: float, *expressions: str) -> str:
    """Return the condition that a share of all rows meets, by a hash of some of their values: always the same rows."""
    if share >= 1:
        return "true"
    text = f"concat_ws('/', {', '.join(expressions)})"
    return f"md5_number_lower({text}) % {_HASHED} < {round(share * _HASHED)}"
