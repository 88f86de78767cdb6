"""Checks on charts."""

from __future__ import annotations

from collections.abc import Iterator

from streaming_assets.contract import Chart, GoldTable, ScalarType
from streaming_assets.errors import Fault
from streaming_assets.sqlcheck.problems import one_of

_DRAWN = frozenset({"bar", "line", "area"})
_NUMBERS = (ScalarType.LONG, ScalarType.DOUBLE)


def check_chart(chart: Chart, table: GoldTable, where: str) -> Iterator[Fault]:
    """Check a chart against the columns of its table."""
    types = {column.name: column.type for column in table.columns}
    for part in ("x", "y", "series", "sort"):
        name = getattr(chart, part)
        if name is not None and name not in types:
            yield Fault(f"{where}.{part}", f"the unknown column {name!r}", one_of(name, types))
    if not chart.title.strip():
        yield Fault(f"{where}.title", "no text", "a heading")
    if chart.kind != "table" and chart.y is None:
        yield Fault(f"{where}.y", "None", f"the column that a {chart.kind} draws")
    if chart.kind in _DRAWN and chart.x is None:
        yield Fault(f"{where}.x", "None", f"the column along the axis of a {chart.kind}")
    if chart.aggregate in {"sum", "mean"} and chart.y in types and types[chart.y] not in _NUMBERS:
        yield Fault(f"{where}.aggregate", f"the {chart.aggregate} of {chart.y!r}", "a column of numbers as y")
    if chart.latest and table.window is None:
        yield Fault(f"{where}.latest", "True for a table without a window", "False, or a table with a window")
    if chart.limit is not None and chart.limit < 1:
        yield Fault(f"{where}.limit", str(chart.limit), "at least 1")
