from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from streaming_assets_github_events.options import load_options
from streaming_assets_github_events.producer import EventsProducer

from streaming_assets import Field, ScalarType, Struct
from streaming_assets.contract import FieldType

GITHUB_DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "github"


@pytest.fixture(scope="session")
def read_rows() -> Callable[[str], list[bytes]]:
    """Reads a file of the real data as its lines."""
    if not GITHUB_DATA.is_dir():
        pytest.skip("the real GitHub data (../shared/data/github) is not on this machine")

    def read(name: str) -> list[bytes]:
        return gzip.decompress((GITHUB_DATA / name).read_bytes()).splitlines()

    return read


@pytest.fixture
def make_producer() -> Iterator[Callable[..., EventsProducer]]:
    """Makes producers with an optional clock, and closes them after the test."""
    made: list[EventsProducer] = []

    def make(options: Mapping[str, str], **parts: object) -> EventsProducer:
        made.append(EventsProducer(load_options(options), **parts))
        return made[-1]

    yield make
    for producer in made:
        producer.close()


def _arrow_type(type_: FieldType) -> pa.DataType:
    match type_:
        case Struct(fields=fields):
            return pa.struct([(field.name, _arrow_type(field.type)) for field in fields])
        case ScalarType.LONG:
            return pa.int64()
        case ScalarType.BOOLEAN:
            return pa.bool_()
        case ScalarType.TIMESTAMP:
            return pa.timestamp("us", tz="UTC")
        case _:
            return pa.string()


@pytest.fixture
def query() -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Runs SQL in Spark's dialect on DuckDB over rows with the given fields, ordered by all columns."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")

        def run(sql: str, relation: str, fields: Sequence[Field], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            schema = pa.schema([(field.name, _arrow_type(field.type)) for field in fields])
            connection.register(relation, pa.Table.from_pylist(rows, schema=schema))
            (translated,) = sqlglot.transpile(sql, read="spark", write="duckdb")
            return connection.sql(f"SELECT * FROM ({translated}) ORDER BY ALL").to_arrow_table().to_pylist()

        yield run
