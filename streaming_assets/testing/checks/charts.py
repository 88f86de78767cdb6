"""Charts can be drawn, and draw one value at each place."""

from __future__ import annotations

from streaming_assets.contract import Chart, GoldTable
from streaming_assets.errors import NotConforming
from streaming_assets.lake.reader import read_chart
from streaming_assets.testing.subject import Subject


def check_charts(subject: Subject) -> None:
    """Check that the dashboard's query for each chart gives something to draw.

    Raises:
        NotConforming: A chart is empty, or has several values at one place.
    """
    for table in subject.source.gold:
        for chart in table.charts:
            _check(subject, table, chart)


def _check(subject: Subject, table: GoldTable, chart: Chart) -> None:
    drawn = read_chart(subject.source, table, chart, subject.tables.settings.lake_path)
    rows = drawn.rows.to_pylist() if drawn else []
    if not rows:
        _refuse(subject, table, chart, "nothing to draw", "rows whose `x` and `y` are not null")
    if chart.kind in {"table", "metric"} or chart.aggregate is not None:
        return
    places = [tuple(row[name] for name in (chart.x, chart.series) if name is not None) for row in rows]
    several = next((place for place in places if places.count(place) > 1), None)
    if several is not None:
        found = f"{places.count(several)} values of {chart.y} at {', '.join(map(str, several))}"
        _refuse(subject, table, chart, found, "one value at each place: an `aggregate`, a `series`, or `latest=True`")


def _refuse(subject: Subject, table: GoldTable, chart: Chart, found: str, expected: str) -> None:
    raise NotConforming(
        f"The chart {chart.title!r} of {subject.source.name}.{table.name} does not show its table.",
        found=found,
        expected=expected,
        meaning="the dashboard would show nothing, or values over each other",
        remedy=f"correct the chart in `gold.{table.name}.charts`",
    )
