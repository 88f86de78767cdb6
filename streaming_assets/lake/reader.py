"""What a reader of the tables needs: the rows of a chart, what is shown beside them, the position of a source.

Filter, aggregation, order and limit are pushed into the query, so that a table of any size costs one scan of
the columns the chart names, and a few thousand rows of memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from streaming_assets.contract import Chart, EventSource, GoldTable
from streaming_assets.lake.chart_sql import MAX_SERIES, OTHERS, Query, coarser, floor, newest_sql, time_column
from streaming_assets.lake.layout import Layer, TableId, bronze, gold
from streaming_assets.lake.opening import read_newest
from streaming_assets.lake.positions import START, Position, read_position
from streaming_assets.lake.tables import LakeTable
from streaming_assets.windows import window_length

__all__ = [
    "MAX_SERIES",
    "OTHERS",
    "ChartRows",
    "TableSummary",
    "read_chart",
    "source_position",
    "table_id",
    "table_summary",
]

_VIEWS = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}


@dataclass(frozen=True, slots=True)
class ChartRows:
    """The rows that one chart shows."""

    rows: pa.Table
    """At most `MAX_ROWS` rows, in the order in which they are shown. A drawn chart has the columns `x`, `series`
    (if any) and `y` under their own names; a table the columns it names, or all; a metric one value."""
    total: int
    """How many rows (of a table) or places along x (of a drawn chart) there are without limit, 0 for a metric;
    where it is more than are in `rows`, the rest was cut: with a time axis the oldest."""
    series: int = 0
    """How many series there are. The smaller ones beyond `MAX_SERIES` are the series `OTHERS` in bars and areas,
    and left out of lines."""
    step: timedelta | None = None
    """With a time axis, the time from one place to the next; None where it is not known."""


@dataclass(frozen=True, slots=True)
class TableSummary:
    """What is shown of a table beside its rows; what a person who looks after it needs is `layers.state.TableState`."""

    table: TableId
    """The table."""
    rows: int
    """Number of rows; of quarantine, those that no replay has released."""
    version: int
    """Version of the Delta table."""
    committed_at: datetime
    """Time of the newest commit, UTC."""
    newest: datetime | None
    """Largest value of the column that says when a row is of; None without such a column or without rows."""
    window: timedelta | None = None
    """Length of its windows; None where it has none."""


def table_id(source: EventSource, table: GoldTable | Layer) -> TableId:
    """Return the identity of a Gold table, or of the table of another layer."""
    return gold(source, table) if isinstance(table, GoldTable) else TableId(source.name, table)


def table_summary(source: EventSource, table: GoldTable | Layer, lake: Path) -> TableSummary | None:
    """Return what is shown of a Gold table, or of the table of another layer; None if it does not exist.

    Raises:
        TableError: The table can't be read.
    """
    found = table_id(source, table)
    time = time_column(table) if isinstance(table, GoldTable) else None
    window = _window(table) if isinstance(table, GoldTable) else None

    def summary(opened: LakeTable | None) -> TableSummary | None:
        if opened is None:
            return None
        newest = opened.query(newest_sql(time)).column("newest")[0].as_py() if time is not None else None
        return TableSummary(found, opened.rows(), opened.version, opened.last_commit(), newest, window)

    return read_newest(found, lake, summary)


def read_chart(  # noqa: PLR0913 - the place of the table, and the viewer's wishes by name
    source: EventSource,
    table: GoldTable,
    chart: Chart,
    lake: Path,
    *,
    since: datetime | None = None,
    limit: int | None = None,
) -> ChartRows | None:
    """Return the rows of a chart, None if the table does not exist.

    Args:
        source: The source.
        table: One of its Gold tables.
        chart: One of the table's charts.
        lake: Folder of the Delta tables.
        since: Rows whose time is at or before it are left out; a chart with `latest` shows the newest window anyway.
        limit: How many rows, bars or steps to show; None takes the chart's own limit.

    Raises:
        TableError: The table can't be read, or lacks a column of the chart.
    """
    query = Query(table, chart, since, limit or chart.limit)
    return read_newest(gold(source, table), lake, lambda opened: _answer(opened, query) if opened else None)


def source_position(source: EventSource, lake: Path) -> Position:
    """Return the position up to which Bronze holds the topic; `START` where there is no Bronze table yet.

    Raises:
        TableError: The table can't be read.
    """
    return read_newest(bronze(source), lake, lambda opened: read_position(opened) if opened else START)


def _answer(opened: LakeTable, query: Query) -> ChartRows:
    table, chart, since = query.table, query.chart, query.since
    window = _window(table)
    step = None
    if query.over_time and chart.aggregate is not None:
        step = _step(opened, query, window)
        if since is not None:
            # The first step is shown whole, or else it would look like a slow one.
            query = replace(query, since=floor(since, step) - timedelta(microseconds=1))
    along_windows = query.over_time and chart.x == time_column(table)
    return _chart_rows(opened.query(query.sql(step)), step or (window if along_windows else None))


def _window(table: GoldTable) -> timedelta | None:
    return window_length(table.window) if table.window is not None else None


def _step(opened: LakeTable, query: Query, window: timedelta | None) -> timedelta:
    (extent,) = opened.query(query.extent()).to_pylist()
    length = extent["last"] - extent["first"] if extent["first"] is not None else timedelta()
    return coarser(window, length)


def _chart_rows(result: pa.Table, step: timedelta | None) -> ChartRows:
    def number(name: str) -> int:
        return int(result.column(name)[0].as_py()) if result.num_rows and name in result.column_names else 0

    shown = result.select([name for name in result.column_names if not name.startswith("__")])
    plain = pa.schema([field.with_type(_VIEWS.get(field.type, field.type)) for field in shown.schema])
    return ChartRows(shown.cast(plain), number("__total"), number("__series"), step)
