"""Charts as Altair draws them, from the rows that the reader gives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import altair as alt
import pyarrow as pa
import pyarrow.compute as pc

from streaming_assets.contract import Chart, GoldTable, ScalarType
from streaming_assets.lake.reader import ChartRows
from streaming_dashboard.colors import PALETTE
from streaming_dashboard.wording import human, moment

_HEIGHT = 300
_BAR_HEIGHT = 26
_LABEL_WIDTH = 260
_SPACED_BARS = 120
_PADDING = {"left": 5, "top": 5, "right": 5, "bottom": 0}
_CLOCK = {
    "milliseconds": "%H:%M:%S",
    "seconds": "%H:%M:%S",
    "minutes": "%H:%M",
    "hours": "%H:%M",
    "day": "%b %d",
    "date": "%b %d",
    "week": "%b %d",
    "month": "%b %Y",
    "quarter": "%b %Y",
    "year": "%Y",
}


def is_over_time(table: GoldTable, chart: Chart) -> bool:
    """Whether a chart is drawn along a time axis."""
    return any(column.name == chart.x and column.type == ScalarType.TIMESTAMP for column in table.columns)


def draw(table: GoldTable, chart: Chart, found: ChartRows, colors: Mapping[str, str]) -> alt.LayerChart | alt.Chart:
    """Draw a bar, line or area chart: along a time axis in UTC, else as horizontal bars in the rows' order.

    Args:
        table: The table the rows are of.
        chart: What is drawn.
        found: The rows.
        colors: A colour for each series; empty without series.
    """
    if is_over_time(table, chart):
        return _over_time(table, chart, found, colors)
    return _by_name(table, chart, found, colors)


def _over_time(table: GoldTable, chart: Chart, found: ChartRows, colors: Mapping[str, str]) -> alt.Chart:
    points = _points(chart, found.rows)
    if chart.kind == "area" and found.step is not None:
        points = with_zeros(points, found.step)
    base = alt.Chart(_timed(points, found.step)).properties(height=_HEIGHT, padding=_PADDING)
    stepped = chart.kind == "bar" and found.step is not None
    channels: dict[str, Any] = {
        "x": _time(binned=stepped),
        "y": alt.Y(
            "y:Q",
            title=human(chart.y or ""),
            stack=None if chart.kind == "line" else "zero",
            axis=_numbers(table, chart),
        ),
        "tooltip": [alt.Tooltip("when:N", title="when"), *_tooltips(table, chart)],
    }
    if stepped:
        channels["x2"] = "x2:T"
    drawing: alt.Chart = _mark(base, chart, _places(points)).encode(**channels, **_color(chart, colors))
    return drawing


def _time(*, binned: bool) -> alt.X:
    # The scale is UTC, or else the browser would show its own zone. "binned" makes a bar as wide as its step.
    axis = alt.Axis(grid=False, labelOverlap=True, format=_CLOCK)
    return alt.X("x:T", title="UTC", scale=alt.Scale(type="utc"), axis=axis, bin="binned" if binned else alt.Undefined)


def _mark(base: alt.Chart, chart: Chart, places: int) -> Any:
    if chart.kind == "bar":
        return base.mark_bar(binSpacing=1 if places <= _SPACED_BARS else 0)
    if chart.kind == "line":
        return base.mark_line(point=alt.OverlayMarkDef(size=30), strokeWidth=2)
    return base.mark_area(opacity=0.85)


def _by_name(table: GoldTable, chart: Chart, found: ChartRows, colors: Mapping[str, str]) -> alt.LayerChart:
    points = _points(chart, found.rows)
    bars = alt.Chart(points).encode(
        x=alt.X("y:Q", title=None, axis=_numbers(table, chart), stack="zero"),
        y=alt.Y("x:N", title=None, sort=None, axis=alt.Axis(labelLimit=_LABEL_WIDTH, ticks=False, domain=False)),
        tooltip=[alt.Tooltip("x:N", title=human(chart.x or "")), *_tooltips(table, chart)],
    )
    layers: list[alt.Chart] = [bars.mark_bar(cornerRadiusEnd=3, height={"band": 0.75}).encode(**_color(chart, colors))]
    if chart.series is None:
        number = alt.Text("y:Q", format=_format(table, chart))
        layers.append(bars.mark_text(align="left", dx=5, color="gray").encode(text=number))
    return alt.LayerChart(layer=layers).properties(height=_places(points) * _BAR_HEIGHT + 40, padding=_PADDING)


def with_zeros(points: pa.Table, step: timedelta) -> pa.Table:
    """Add zeros where a series of an area has no row, so that it falls to zero instead of being drawn across the gap.

    A count has no row where nothing happened. Only places beside a row are added: gaps can be years long.

    Args:
        points: Columns `x` (timestamp), `y` and, with series, `s`.
        step: Time from one place to the next.
    """
    rows = points.to_pylist()
    if not rows:
        return points
    first, last = rows[0]["x"], rows[-1]["x"]
    beside = {place for row in rows for place in (row["x"] - step, row["x"], row["x"] + step)}
    places = sorted(place for place in beside if first <= place <= last)
    known = {(row.get("s"), row["x"]): row["y"] for row in rows}
    names = sorted({row.get("s") for row in rows}, key=str)
    grid = [{"x": place, "s": name, "y": known.get((name, place), 0)} for place in places for name in names]
    return pa.Table.from_pylist(grid, schema=points.schema)


def _points(chart: Chart, rows: pa.Table) -> pa.Table:
    """Give the columns names that Altair's shorthand can't misread."""
    columns = {"x": rows.column(chart.x), "y": rows.column(chart.y)}
    if chart.series is not None:
        columns["s"] = rows.column(chart.series)
    return pa.table(columns)


def _timed(points: pa.Table, step: timedelta | None) -> pa.Table:
    times: list[datetime] = [time.astimezone(UTC) for time in points.column("x").to_pylist()]
    timed = points.append_column("when", pa.array([moment(time, step) for time in times], pa.string()))
    if step is None:
        return timed
    return timed.append_column("x2", pa.array([time + step for time in times], points.schema.field("x").type))


def _places(points: pa.Table) -> int:
    return int(pc.count_distinct(points.column("x")).as_py())


def _color(chart: Chart, colors: Mapping[str, str]) -> dict[str, Any]:
    if chart.series is None:
        return {"color": alt.value(PALETTE[0])}
    scale = alt.Scale(domain=list(colors), range=list(colors.values()))
    return {"color": alt.Color("s:N", title=human(chart.series), scale=scale, legend=alt.Legend(labelLimit=220))}


def _tooltips(table: GoldTable, chart: Chart) -> list[alt.Tooltip]:
    value = alt.Tooltip("y:Q", title=human(chart.y or ""), format=_format(table, chart))
    return [alt.Tooltip("s:N", title=human(chart.series)), value] if chart.series is not None else [value]


def _numbers(table: GoldTable, chart: Chart) -> alt.Axis:
    whole: dict[str, Any] = {"tickMinStep": 1} if _is_whole(table, chart) else {}
    return alt.Axis(format=",d" if whole else ",~f", tickCount=6, **whole)


def _format(table: GoldTable, chart: Chart) -> str:
    return ",.0f" if _is_whole(table, chart) else ",.2f"


def _is_whole(table: GoldTable, chart: Chart) -> bool:
    if chart.aggregate in {"mean", "count"}:
        return chart.aggregate == "count"
    return any(column.name == chart.y and column.type == ScalarType.LONG for column in table.columns)
