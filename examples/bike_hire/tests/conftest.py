"""What the tests of more than one file use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlglot

from streaming_assets import Field, ScalarType

ARROW_TYPES = {
    ScalarType.DOUBLE: pa.float64(),
    ScalarType.LONG: pa.int64(),
    ScalarType.STRING: pa.string(),
    ScalarType.TIMESTAMP: pa.timestamp("us", tz="UTC"),
}


@pytest.fixture
def query() -> Iterator[Callable[[str, Sequence[Field], list[dict[str, Any]]], list[dict[str, Any]]]]:
    """Runs SQL of a Gold table over rows of `silver` with the given columns, as the embedded engine does."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")

        def run(sql: str, columns: Sequence[Field], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            schema = pa.schema([(column.name, ARROW_TYPES[column.type]) for column in columns])
            connection.register("silver", pa.Table.from_pylist(rows, schema=schema))
            (translated,) = sqlglot.transpile(sql, read="spark", write="duckdb")
            return connection.sql(f"SELECT * FROM ({translated}) ORDER BY ALL").to_arrow_table().to_pylist()

        yield run
