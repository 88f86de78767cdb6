"""Checks on a Silver table."""

from __future__ import annotations

from collections.abc import Iterator

from streaming_assets.contract import EventSchema, SilverTable
from streaming_assets.errors import Fault
from streaming_assets.sqlcheck import SILVER_RESERVED, silver_faults
from streaming_assets.validation.callables import callable_faults
from streaming_assets.validation.names import column_faults


def check_silver(silver: SilverTable, schema: EventSchema) -> Iterator[Fault]:
    """Check a Silver table: its columns, and its SQL where it has some."""
    yield from column_faults(silver.columns, "silver.columns")
    for column in silver.columns:
        if column.name.lower() in SILVER_RESERVED:
            expected = "another name: the framework adds a column of this one"
            yield Fault(f"silver.columns.{column.name}", f"the name {column.name!r}", expected)
    if (silver.sql is None) == (silver.function is None):
        found = "neither `sql` nor `function`" if silver.sql is None else "`sql` and `function`"
        yield Fault("silver", found, "exactly one of the two")
    if silver.function is not None:
        yield from callable_faults(silver.function, "silver.function", "a table of events")
    if silver.sql is not None:
        yield from silver_faults(silver.sql, schema, silver.columns, "silver.sql")
