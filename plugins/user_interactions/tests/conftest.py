from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlglot

from streaming_assets import Field, ScalarType

ARROW_TYPES = {
    ScalarType.LONG: pa.int64(),
    ScalarType.STRING: pa.string(),
    ScalarType.TEXT: pa.string(),
    ScalarType.TIMESTAMP: pa.timestamp("us", tz="UTC"),
}


@pytest.fixture
def query() -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Runs SQL in Spark's dialect on DuckDB over rows with the given fields, ordered by all columns."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")

        def run(sql: str, relation: str, fields: Sequence[Field], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            schema = pa.schema([(field.name, ARROW_TYPES[field.type]) for field in fields])
            connection.register(relation, pa.Table.from_pylist(rows, schema=schema))
            (translated,) = sqlglot.transpile(sql, read="spark", write="duckdb")
            return connection.sql(f"SELECT * FROM ({translated}) ORDER BY ALL").to_arrow_table().to_pylist()

        yield run
