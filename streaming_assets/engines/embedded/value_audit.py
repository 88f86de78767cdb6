"""Bronze rows compared, byte for byte, with the records that Kafka still has."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from streaming_assets.engines.audits import ValueAudit
from streaming_assets.engines.embedded.duck import count, read_parquet
from streaming_assets.engines.embedded.samples import examples
from streaming_assets.lake.files import DataFile
from streaming_assets.lake.schemas import PLACE

_VALUES = ("value", "key", "headers", "timestamp", "timestamp_type")


def audit_values(connection: duckdb.DuckDBPyConnection, files: Sequence[DataFile], records: pa.Table) -> ValueAudit:
    """Compare; see `Engine.audit_values`."""
    if not records.num_rows:
        return ValueAudit()
    low, high = (pc.min_max(records["offset"])[side].as_py() for side in ("min", "max"))
    near = [file.path for file in files if file.may_hold("offset", low, high)]
    if not near:
        return ValueAudit()
    connection.register("records", records)
    same = " AND ".join(f'records."{column}" IS NOT DISTINCT FROM stored."{column}"' for column in _VALUES)
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE compared AS
        SELECT {PLACE}, {same} AS same FROM records
        JOIN (SELECT * FROM {read_parquet(near)} WHERE "offset" BETWEEN {low} AND {high}) AS stored USING ({PLACE})
        """
    )
    differing = f"SELECT {PLACE} FROM compared WHERE NOT same"
    return ValueAudit(
        compared=count(connection, "compared"),
        differing=count(connection, f"({differing})"),
        examples=examples(connection, differing, "differs"),
    )
