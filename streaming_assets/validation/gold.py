"""Checks on Gold tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from streaming_assets.contract import Array, GoldTable, ScalarType, SilverTable, Struct
from streaming_assets.errors import Fault
from streaming_assets.sqlcheck import gold_faults
from streaming_assets.sqlcheck.problems import one_of
from streaming_assets.validation.charts import check_chart
from streaming_assets.validation.names import column_faults, identifier_faults, repeated
from streaming_assets.windows import window_length

_DAY = timedelta(days=1)


def check_gold(tables: Sequence[GoldTable], silver: SilverTable) -> Iterator[Fault]:
    """Check the Gold tables of a source."""
    for name in repeated(table.name for table in tables):
        yield Fault("gold", f"two tables {name!r}", "names of their own")
    for index, table in enumerate(tables):
        where = f"gold.{table.name}" if table.name else f"gold[{index}]"
        yield from _table(table, silver, where)


def _table(table: GoldTable, silver: SilverTable, where: str) -> Iterator[Fault]:
    yield from identifier_faults(f"{where}.name", table.name)
    if not table.description.strip():
        yield Fault(f"{where}.description", "no text", "what a row says")
    yield from column_faults(table.columns, f"{where}.columns")
    yield from _keys(table, where)
    if table.window is not None and table.per is not None:
        yield Fault(where, "`window` and `per`", "at most one of the two")
    elif table.window is not None:
        yield from _windowed(table, table.window, where)
    elif table.per is not None:
        yield from _keyed(table, table.per, silver, where)
    yield from gold_faults(table, silver, f"{where}.sql")
    for index, chart in enumerate(table.charts):
        yield from check_chart(chart, table, f"{where}.charts[{index}]")


def _keys(table: GoldTable, where: str) -> Iterator[Fault]:
    if not table.keys:
        yield Fault(f"{where}.keys", "no keys", "the columns that together identify a row")
    for name in repeated(table.keys):
        yield Fault(f"{where}.keys", f"{name!r} twice", "each column once")
    columns = {column.name: column.type for column in table.columns}
    for key in table.keys:
        if key not in columns:
            yield Fault(f"{where}.keys", f"the unknown column {key!r}", one_of(key, columns))
        elif isinstance(columns[key], Struct | Array):
            yield Fault(f"{where}.keys", f"{key!r}, which is no single value", "columns of single values")


def _windowed(table: GoldTable, window: str, where: str) -> Iterator[Fault]:
    try:
        length = window_length(window)
    except (ValueError, OverflowError):
        expected = "a whole number and a unit: `10 seconds`, `1 minute`, `6 hours`, `1 day`"
        yield Fault(f"{where}.window", repr(window), expected)
    else:
        if _DAY % length and length % _DAY:
            yield Fault(f"{where}.window", repr(window), "a length that divides a day, or whole days")
    types = {column.name: column.type for column in table.columns}
    for name in ("window_start", "window_end"):
        if types.get(name) is not ScalarType.TIMESTAMP:
            found = "no such column" if name not in types else f"{name!r} of another type"
            yield Fault(f"{where}.columns", found, f"{name!r} of the type TIMESTAMP, as the table has a window")
    if "window_start" not in table.keys:
        yield Fault(f"{where}.keys", "no 'window_start'", "'window_start' among them, as the table has a window")


def _keyed(table: GoldTable, per: str, silver: SilverTable, where: str) -> Iterator[Fault]:
    types = {column.name: column.type for column in silver.columns}
    if per not in types:
        yield Fault(f"{where}.per", f"the unknown Silver column {per!r}", one_of(per, types))
    elif isinstance(types[per], Struct | Array):
        yield Fault(f"{where}.per", f"{per!r}, which is no single value", "a column of single values")
    for part, names in (("columns", [column.name for column in table.columns]), ("keys", table.keys)):
        if per not in names:
            yield Fault(f"{where}.{part}", f"no {per!r}", f"{per!r} among them, as rows belong together by it")
