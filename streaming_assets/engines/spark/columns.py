"""Arrow schemas in Spark's words, and names and values as Spark's SQL writes them."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

_SCALARS = {
    pa.string(): "STRING",
    pa.binary(): "BINARY",
    pa.int32(): "INT",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
    pa.timestamp("us", "UTC"): "TIMESTAMP",
}


def spark_type(kind: pa.DataType) -> str:
    """Return the Spark type (DDL) of a type that `lake.schemas` uses."""
    if pa.types.is_struct(kind):
        return f"STRUCT<{', '.join(f'{name(each.name)}: {spark_type(each.type)}' for each in kind)}>"
    if pa.types.is_list(kind):
        return f"ARRAY<{spark_type(kind.value_type)}>"
    return _SCALARS[kind]


def ddl(schema: pa.Schema) -> str:
    """Return the columns of a schema as Spark's DDL; all of them can be null."""
    return ", ".join(f"{name(each.name)} {spark_type(each.type)}" for each in schema)


def casts(schema: pa.Schema) -> list[str]:
    """Return the columns of a schema, each cast to its type, as expressions."""
    return [f"CAST({name(each.name)} AS {spark_type(each.type)}) AS {name(each.name)}" for each in schema]


def name(identifier: str) -> str:
    """Quote an identifier."""
    return "`" + identifier.replace("`", "``") + "`"


def literal(text: str) -> str:
    """Quote a text."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def timestamp(moment: datetime) -> str:
    """Return a point in time as a literal."""
    # Not by strftime, which leaves out the leading zeros of early years.
    return f"TIMESTAMP '{moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' ', timespec='microseconds')}Z'"
