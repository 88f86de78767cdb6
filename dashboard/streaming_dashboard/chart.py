"""One chart of a card: its heading, the viewer's number of rows, the drawing, and what was cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import streamlit as st

from streaming_assets.contract import Chart, EventSource, GoldTable
from streaming_assets.lake.reader import MAX_SERIES, ChartRows, TableSummary, read_chart
from streaming_dashboard.charts import draw, is_over_time
from streaming_dashboard.colors import assign
from streaming_dashboard.columns import column_config
from streaming_dashboard.wording import UNKNOWN, duration, human, plain

_NUMBERS_OF_ROWS = (10, 20, 50, 100, 200)
_NUMBERS_OF_BARS = (5, 10, 20, 50)
_ROW_HEIGHT = 35
_VISIBLE_ROWS = 10


@dataclass(frozen=True, slots=True)
class View:
    """One table as it is looked at now."""

    source: EventSource
    """The source."""
    table: GoldTable
    """Its table."""
    lake: Path
    """Folder of the Delta tables."""
    summary: TableSummary
    """The table's state."""
    since: datetime | None
    """Start of the span, exclusive; None is all."""

    def key(self, chart: Chart, what: str) -> str:
        """Return a key of the page's state that stays the same from look to look."""
        return f"{what}/{self.summary.table.name}/{self.table.charts.index(chart)}"

    def read(self, chart: Chart, limit: int | None) -> ChartRows | None:
        """Return the chart's rows; they are read again only if the table changed.

        Raises:
            TableError: The table can't be read.
        """
        place = f"{self.lake}/{self.key(chart, 'rows')}/{self.summary.version}/{self.summary.committed_at.isoformat()}"
        return _read(self, chart, place, self.since, limit)


@st.cache_data(show_spinner=False, max_entries=256)
def _read(_view: View, _chart: Chart, place: str, since: datetime | None, limit: int | None) -> ChartRows | None:  # noqa: ARG001 - the cache's key
    return read_chart(_view.source, _view.table, _chart, _view.lake, since=since, limit=limit)


def show_metric(view: View, chart: Chart) -> None:
    """Show one number.

    Raises:
        TableError: The table can't be read.
    """
    found = view.read(chart, None)
    value = found.rows.column(0)[0].as_py() if found is not None and found.rows.num_rows else None
    if isinstance(value, float):
        value = round(value, 1)
    st.metric(chart.title, value if isinstance(value, int | float) else str(value or UNKNOWN), format="localized")


def show_chart(view: View, chart: Chart) -> None:
    """Show a table, or a bar, line or area chart.

    Raises:
        TableError: The table can't be read.
    """
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{plain(chart.title)}**", width="content")
        limit = _choose_limit(view, chart, chart.limit) if chart.limit is not None else None
    found = view.read(chart, limit)
    if found is None or found.rows.num_rows == 0:
        st.caption("No rows in this time span.")
        return
    if chart.kind == "table":
        _show_rows(view, chart, found)
    else:
        drawing = draw(view.table, chart, found, _colors(view, chart, found))
        st.altair_chart(drawing, width="stretch", key=view.key(chart, "chart"))
    notes = " ".join(_notes(view, chart, found))
    if notes:
        st.caption(notes)


def _choose_limit(view: View, chart: Chart, first: int) -> int:
    """Let the viewer choose how many rows or bars are shown; the choice stays from look to look."""
    options = sorted({first, *(_NUMBERS_OF_ROWS if chart.kind == "table" else _NUMBERS_OF_BARS)})
    return int(
        st.select_slider(
            "How many",
            options,
            value=first,
            key=view.key(chart, "limit"),
            label_visibility="collapsed",
            width=110,
        )
    )


def _show_rows(view: View, chart: Chart, found: ChartRows) -> None:
    sorted_by = found.rows.column(chart.sort)[0].as_py() if chart.sort in found.rows.column_names else None
    largest = float(sorted_by) if isinstance(sorted_by, int | float) else None
    st.dataframe(
        found.rows,
        hide_index=True,
        column_config=column_config(view.table, chart, largest),
        height=(min(found.rows.num_rows, _VISIBLE_ROWS) + 1) * _ROW_HEIGHT + 3,
        row_height=_ROW_HEIGHT,
        key=view.key(chart, "rows"),
    )


def _colors(view: View, chart: Chart, found: ChartRows) -> dict[str, str]:
    if chart.series is None:
        return {}
    key = view.key(chart, "colors")
    st.session_state[key] = assign(st.session_state.get(key, {}), found.rows.column(chart.series).to_pylist())
    return dict(st.session_state[key])


def _notes(view: View, chart: Chart, found: ChartRows) -> Iterator[str]:
    """Say what a chart does not show, or shows in another way than its table."""
    if chart.kind == "table":
        if found.rows.num_rows < found.total:
            yield f"{found.rows.num_rows:,} of {found.total:,} rows."
        return
    places = len(set(found.rows.column(chart.x).to_pylist()))
    if places < found.total and is_over_time(view.table, chart):
        yield f"Only the newest {places:,} of {found.total:,} steps; choose a shorter span to see all of it."
    elif places < found.total:
        yield f"{places:,} of {found.total:,} bars."
    if found.step is not None and found.step != view.summary.window:
        yield f"One step is {duration(found.step)}."
    if found.series > MAX_SERIES:
        rest = "the others are left out" if chart.kind == "line" else "the others are one"
        yield f"The {MAX_SERIES} largest of {found.series:,} values of {human(chart.series or '')}; {rest}."
