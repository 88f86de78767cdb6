"""The card of a Gold table: what it is, how new it is, its charts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import streamlit as st

from streaming_assets.contract import Chart, EventSource, GoldTable
from streaming_assets.errors import TableError
from streaming_assets.lake.reader import TableSummary, table_id, table_summary
from streaming_dashboard.chart import View, show_chart, show_metric
from streaming_dashboard.charts import is_over_time
from streaming_dashboard.grid import rows
from streaming_dashboard.problems import show_problem
from streaming_dashboard.wording import heading, moment

_NARROW_COLUMNS = 4


def show_tables(source: EventSource, lake: Path, span: timedelta | None) -> None:
    """Show the cards of a source's Gold tables; small ones stand side by side.

    Args:
        source: The source.
        lake: Folder of the Delta tables.
        span: How far back from each table's newest window; None goes back to the oldest.
    """
    for row in rows([table for table in source.gold if table.charts], _is_wide):
        for column, table in zip(st.columns(len(row)), row, strict=True):
            with column, st.container(border=True, height="stretch"):
                _show_table(source, table, lake, span)


def _is_wide(table: GoldTable) -> bool:
    return len(table.charts) > 1 or any(_fills_width(table, chart) for chart in table.charts)


def _fills_width(table: GoldTable, chart: Chart) -> bool:
    shows_all = chart.kind == "table" and chart.x is None and chart.y is None
    return is_over_time(table, chart) or (shows_all and len(table.columns) > _NARROW_COLUMNS)


def _show_table(source: EventSource, table: GoldTable, lake: Path, span: timedelta | None) -> None:
    st.markdown(f"#### {heading(table.name)}")
    st.caption(table.description)
    try:
        summary = table_summary(source, table, lake)
        if summary is None:
            _say_missing(source, table)
        elif summary.rows == 0:
            st.info(f"Table `{summary.table.name}` has no rows yet.", icon=":material/hourglass_empty:")
        else:
            since = summary.newest - span if span is not None and summary.newest is not None else None
            _show_charts(View(source, table, lake, summary, since))
            _show_state(summary)
    except TableError as error:
        show_problem(error)


def _show_charts(view: View) -> None:
    metrics = [chart for chart in view.table.charts if chart.kind == "metric"]
    if metrics:
        with st.container(horizontal=True, gap="large"):
            for chart in metrics:
                show_metric(view, chart)
    others = [chart for chart in view.table.charts if chart.kind != "metric"]
    for row in rows(others, lambda chart: _fills_width(view.table, chart)):
        for column, chart in zip(st.columns(len(row), gap="large"), row, strict=True):
            with column:
                show_chart(view, chart)


def _show_state(summary: TableSummary) -> None:
    parts = [f"{summary.rows:,} rows", f"version {summary.version:,}"]
    if summary.newest is not None:
        what = "newest window" if summary.window is not None else "newest row"
        parts.insert(0, f"{what} {moment(summary.newest, summary.window)}")
    st.caption(" · ".join(parts))


def _say_missing(source: EventSource, table: GoldTable) -> None:
    st.info(
        f"Table {table_id(source, table).name} does not exist yet: "
        f"produce events and run `streaming-assets refresh {source.name}`",
        icon=":material/hourglass_empty:",
    )
