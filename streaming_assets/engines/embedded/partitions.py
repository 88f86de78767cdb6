"""Rows together with the day under which their table has them: it is in no data file, only in the log."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from streaming_assets.engines.embedded.duck import literal, name
from streaming_assets.lake.files import DataFile

_FILE = "_sa_file"


def read_with_day(connection: duckdb.DuckDBPyConnection, files: Sequence[DataFile], column: str) -> str:
    """Return the SQL that reads data files with the column of days that they are partitioned by.

    Args:
        connection: Where the SQL will run, before the days of other files are asked for under the same name.
        files: The files, at least one.
        column: Name of the partition column.
    """
    days = f"days_{column}"
    values = {_FILE: [file.path for file in files], column: [file.partition.get(column) for file in files]}
    connection.register(days, pa.table(values, schema=pa.schema([(_FILE, pa.string()), (column, pa.string())])))
    paths = ", ".join(literal(file.path) for file in files)
    return f"""(
        SELECT r.* EXCLUDE ({_FILE}), TRY_CAST(d.{name(column)} AS DATE) AS {name(column)}
        FROM read_parquet([{paths}], hive_partitioning = false, filename = '{_FILE}') r
        LEFT JOIN {days} d USING ({_FILE})
    )"""
