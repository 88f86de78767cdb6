"""The SQL (DataFusion's dialect) behind a chart: all rows of a table in, the few that are drawn out.

Every statement reads the snapshot as the table `t`. Besides the chart's own columns, results have `__total`,
the number of rows or of places along x before the limit, and `__series`, the number of series before the fold.
"""

# ruff: noqa: S608 - made from the definition's names, which are quoted, and from times; never from data
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from streaming_assets.contract import Chart, GoldTable, ScalarType

MAX_ROWS = 5_000
"""Most rows that are read for one chart."""

MAX_SERIES = 10
"""Most series that keep their name: nobody tells more colours apart."""

MAX_STEPS = 300
"""Most steps along a time axis, where rows may be added up to coarser steps."""

OTHERS = "all others"
"""The series that the smaller ones are folded into."""

NONE = "(none)"
"""How a null is written where it names a bar or a series."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEPS = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 180, 360, 720, 1440)]
_TIMESTAMP = "'Timestamp(Microsecond, Some(\"UTC\"))'"
_AGGREGATES = {"sum": "sum", "max": "max", "min": "min", "mean": "avg", "count": "count"}


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of one Gold table for one chart."""

    table: GoldTable
    """The table."""
    chart: Chart
    """The chart."""
    since: datetime | None
    """Rows at or before this time are left out; None takes all."""
    limit: int | None
    """How many rows, bars or steps are wanted; None takes as many as fit into `MAX_ROWS`."""

    @property
    def over_time(self) -> bool:
        """Whether the chart is drawn along a time axis."""
        return self.chart.x is not None and _types(self.table)[self.chart.x] == ScalarType.TIMESTAMP

    def extent(self) -> str:
        """Return SQL for the first and last x (columns `first`, `last`) of the chart's rows."""
        return f"SELECT min({self._x}) AS first, max({self._x}) AS last FROM t{self._where()}"

    def sql(self, step: timedelta | None = None) -> str:
        """Return SQL for the chart's rows.

        Args:
            step: Time steps that rows are added up to; None takes x as it is.
        """
        if self.chart.kind == "metric":
            return self._metric()
        if self.chart.kind == "table":
            return self._rows() if self.chart.aggregate is None or self.chart.y is None else self._groups()
        return self._drawn(step)

    @property
    def _x(self) -> str:
        return _quote(self.chart.x or "")

    @property
    def _y(self) -> str:
        return _quote(self.chart.y or "")

    def _metric(self) -> str:
        if self.chart.aggregate is not None:
            return f"SELECT {self._aggregated(self._y)} AS {self._y} FROM t{self._where()}"
        return f"SELECT {self._y} FROM t{self._where()}{self._row_order()} LIMIT 1"

    def _columns(self) -> list[str]:
        """Return the columns a table shows: those it names, or all."""
        named = [name for name in (self.chart.x, self.chart.series, self.chart.y) if name is not None]
        return list(dict.fromkeys(named)) or [column.name for column in self.table.columns]

    def _rows(self) -> str:
        columns = ", ".join(_quote(name) for name in self._columns())
        rows = f"SELECT * FROM t{self._where()}"
        order = self._row_order()
        return f"SELECT {columns}, count(*) OVER () AS __total FROM ({rows}){order} LIMIT {self._most(MAX_ROWS)}"

    def _groups(self) -> str:
        groups = [_quote(name) for name in self._columns() if name != self.chart.y]
        selected = ", ".join([*groups, f"{self._aggregated(self._y)} AS {self._y}"])
        grouped = f"SELECT {selected} FROM t{self._where()}" + (f" GROUP BY {', '.join(groups)}" if groups else "")
        order = [f"{_quote(self.chart.sort)} DESC NULLS LAST"] if self.chart.sort is not None else []
        ordered = f" ORDER BY {', '.join([*order, *groups])}" if order or groups else ""
        return f"SELECT *, count(*) OVER () AS __total FROM ({grouped}){ordered} LIMIT {self._most(MAX_ROWS)}"

    def _drawn(self, step: timedelta | None) -> str:
        """Return SQL in stages: rows, one point per x and series, series folded, places along x chosen.

        Whole places are chosen, never rows: a stack that lacks some of its parts would show a wrong height.
        """
        stages = ", ".join(f"{name} AS ({body})" for name, body in self._stages(step))
        series = f"v.s AS {_quote(self.chart.series)}, " if self.chart.series else ""
        counted = "(SELECT count(*) FROM ranked)" if self.chart.series else "0"
        order = ("p.x" if self.over_time else "p.place") + (", v.s" if self.chart.series else "")
        return (
            f"WITH {stages} SELECT v.x AS {self._x}, {series}v.y AS {self._y},"
            f" p.total AS __total, {counted} AS __series"
            f" FROM visible v JOIN places p ON v.x = p.x ORDER BY {order}"
        )

    def _stages(self, step: timedelta | None) -> Iterator[tuple[str, str]]:
        series = self.chart.series
        name = f", coalesce(CAST({_quote(series)} AS VARCHAR), '{NONE}') AS s" if series else ""
        yield "picked", f"SELECT {self._place(step)} AS x{name}, {self._y} AS y FROM t{self._where()}"
        group = "x, s" if series else "x"
        if self.chart.aggregate is None:
            yield "points", "SELECT * FROM picked"
        else:
            yield "points", f"SELECT {group}, {self._aggregated('y')} AS y FROM picked GROUP BY {group}"
        if series:
            yield "ranked", "SELECT s, row_number() OVER (ORDER BY sum(y) DESC, s) AS rank FROM points GROUP BY s"
        yield "visible", self._folded() if series else "SELECT x, y FROM points"
        yield "sums", "SELECT x, sum(y) AS y FROM visible GROUP BY x"
        place = f"row_number() OVER (ORDER BY {self._place_order()}) AS place"
        most = self._most(MAX_ROWS // (MAX_SERIES + 1) if series else MAX_ROWS)
        yield "places", f"SELECT x, count(*) OVER () AS total, {place} FROM sums ORDER BY place LIMIT {most}"

    def _folded(self) -> str:
        if self.chart.kind == "line":  # lines are not stacked, so a sum of the small ones would mean nothing
            return f"SELECT x, s, y FROM points JOIN ranked USING (s) WHERE rank <= {MAX_SERIES}"
        return (
            f"SELECT x, CASE WHEN rank <= {MAX_SERIES} THEN s ELSE '{OTHERS}' END AS s, sum(y) AS y"
            " FROM points JOIN ranked USING (s) GROUP BY 1, 2"
        )

    def _place(self, step: timedelta | None) -> str:
        if step is not None:
            binned = f"date_bin(INTERVAL '{step // timedelta(seconds=1)} seconds', {self._x})"
            return f"arrow_cast({binned}, {_TIMESTAMP})"
        return f"coalesce({self._x}, '{NONE}')" if self._x_is_text() else self._x

    def _place_order(self) -> str:
        if self.chart.sort is not None and self.chart.sort == self.chart.y:
            return "y DESC, x"
        return "x DESC" if self.over_time or self.chart.sort == self.chart.x else "x"

    def _most(self, most: int) -> int:
        return min(self.limit or most, most)

    def _aggregated(self, value: str) -> str:
        return f"{_AGGREGATES[self.chart.aggregate or 'sum']}({value})"

    def _where(self) -> str:
        conditions = []
        time = time_column(self.table)
        if self.chart.latest and time is not None:
            conditions.append(f"{_quote(time)} = (SELECT max({_quote(time)}) FROM t)")
        elif self.since is not None and time is not None:
            conditions.append(f"{_quote(time)} > {_literal(self.since)}")
        if self.chart.kind not in {"table", "metric"}:
            conditions.append(f"{self._y} IS NOT NULL")
            if not self._x_is_text():
                conditions.append(f"{self._x} IS NOT NULL")
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    def _row_order(self) -> str:
        """Order rows by the wanted column, else by x, else newest first; keys decide between equal ones."""
        time = time_column(self.table)
        if self.chart.sort is not None:
            first = [f"{_quote(self.chart.sort)} DESC NULLS LAST"]
        elif self.chart.x is not None:
            first = [self._x]
        else:
            first = [f"{_quote(time)} DESC"] if time is not None else []
        return f" ORDER BY {', '.join([*first, *(_quote(key) for key in self.table.keys)])}"

    def _x_is_text(self) -> bool:
        return _types(self.table)[self.chart.x or ""] in (ScalarType.STRING, ScalarType.TEXT)


def time_column(table: GoldTable) -> str | None:
    """Return the column that says when a row is of: the window's start, else the first time among the keys."""
    if table.window is not None:
        return "window_start"
    types = _types(table)
    return next((key for key in table.keys if types.get(key) == ScalarType.TIMESTAMP), None)


def coarser(window: timedelta | None, extent: timedelta) -> timedelta:
    """Return the smallest step that divides `extent` into at most `MAX_STEPS`: a multiple of the window."""
    steps = [step for step in _STEPS if window is None or step % window == timedelta()]
    step = window or steps[0]
    for wider in steps:
        if extent // step < MAX_STEPS:
            break
        step = max(step, wider)
    while extent // step >= MAX_STEPS:
        step *= 2
    return step


def floor(time: datetime, step: timedelta) -> datetime:
    """Return the start of the step that holds a time; steps are aligned like windows, to 1970-01-01T00:00:00Z."""
    return _EPOCH + (time - _EPOCH) // step * step


def newest_sql(column: str) -> str:
    """Return SQL for the largest value of a column, as `newest`."""
    return f"SELECT max({_quote(column)}) AS newest FROM t"


def _types(table: GoldTable) -> dict[str, object]:
    return {column.name: column.type for column in table.columns}


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(time: datetime) -> str:
    return f"arrow_cast('{time.astimezone(UTC).isoformat()}', {_TIMESTAMP})"
