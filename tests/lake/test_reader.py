"""Reading charts and table states from small Delta tables that the tests write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from streaming_assets.contract import Chart, EventSchema, EventSource, Field, GoldTable, ScalarType, SilverTable, Topic
from streaming_assets.errors import TableError
from streaming_assets.lake import layout
from streaming_assets.lake.chart_sql import MAX_ROWS, MAX_SERIES, OTHERS, coarser
from streaming_assets.lake.opening import open_or_create
from streaming_assets.lake.positions import START
from streaming_assets.lake.reader import ChartRows, TableSummary, read_chart, source_position, table_summary

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

COUNTS = GoldTable(
    name="counts",
    description="Events per minute and kind.",
    sql="SELECT 1",
    columns=(
        Field(name="window_start", type=ScalarType.TIMESTAMP),
        Field(name="kind", type=ScalarType.STRING, required=False),
        Field(name="events", type=ScalarType.LONG, required=False),
    ),
    keys=("window_start", "kind"),
    window="1 minute",
)
VISITS = GoldTable(
    name="visits",
    description="Visits of each user.",
    sql="SELECT 1",
    columns=(
        Field(name="user", type=ScalarType.STRING),
        Field(name="began", type=ScalarType.TIMESTAMP),
        Field(name="seconds", type=ScalarType.LONG),
    ),
    keys=("user", "began"),
    per="user",
)
SOURCE = EventSource(
    name="shop",
    title="Shop",
    description="Made up.",
    topic=Topic(name="shop"),
    schema=EventSchema(fields=(Field(name="at", type=ScalarType.TIMESTAMP),), event_time="at"),
    producer=lambda _options: pytest.fail("a reader makes no producer"),
    silver=SilverTable(columns=(), sql="SELECT 1 FROM events"),
    gold=(COUNTS, VISITS),
)
BARS = Chart(kind="bar", title="Kinds", x="kind", y="events", aggregate="sum", sort="events")
OVER_TIME = Chart(kind="bar", title="Over time", x="window_start", y="events", series="kind")


def write(lake: Path, table: GoldTable, rows: list[tuple]) -> None:
    types = {ScalarType.TIMESTAMP: pa.timestamp("us", "UTC"), ScalarType.STRING: pa.string()}
    columns = {
        field.name: pa.array([row[index] for row in rows], types.get(field.type, pa.int64()))
        for index, field in enumerate(table.columns)
    }
    write_deltalake(layout.gold(SOURCE, table).path(lake), pa.table(columns), mode="append")


def counts(lake: Path, *rows: tuple[int, str | None, int | None]) -> None:
    """Write rows of (minutes after noon, kind, events)."""
    write(lake, COUNTS, [(NOON + minute * MINUTE, kind, events) for minute, kind, events in rows])


def read(lake: Path, chart: Chart, table: GoldTable = COUNTS, **how) -> ChartRows:
    found = read_chart(SOURCE, table, chart, lake, **how)
    assert found is not None
    return found


def points(found: ChartRows) -> list[tuple]:
    return [tuple(row.values()) for row in found.rows.to_pylist()]


def test_aggregate_sorts_and_limits(tmp_path):
    """Bars are the sums over all windows, the largest first, as many as wanted, and it is told how many there are."""
    counts(tmp_path, (0, "view", 3), (1, "view", 4), (0, "buy", 9), (1, "cart", 1))

    found = read(tmp_path, BARS, limit=2)

    assert points(found) == [("buy", 9), ("view", 7)]
    assert found.total == 3


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    [("sum", 9), ("max", 6), ("min", 1), ("mean", 3.0), ("count", 3)],
)
def test_aggregates(tmp_path, aggregate, expected):
    """Each aggregate makes one number of the rows with the same x: here of 1, 2 and 6."""
    counts(tmp_path, (0, "view", 1), (1, "view", 2), (2, "view", 6), (3, "view", None))

    found = read(tmp_path, Chart(kind="bar", title="t", x="kind", y="events", aggregate=aggregate))

    assert points(found) == [("view", expected)]


def test_latest_shows_the_newest_window_only(tmp_path):
    """With `latest` only rows of the newest window are shown, whatever the span, by the sort column, nulls last."""
    counts(tmp_path, (0, "old", 99), (5, "a", 1), (5, "b", 2), (5, "c", None))
    chart = Chart(kind="table", title="t", x="kind", y="events", latest=True, sort="events")

    found = read(tmp_path, chart, since=NOON + 60 * MINUTE)

    assert points(found) == [("b", 2), ("a", 1), ("c", None)]


def test_since_is_exclusive(tmp_path):
    """A span leaves out the windows at and before its start."""
    counts(tmp_path, (0, "view", 1), (1, "view", 2), (2, "view", 4))

    found = read(tmp_path, BARS, since=NOON)

    assert points(found) == [("view", 6)]


def test_span_of_a_table_without_window_goes_by_its_key(tmp_path):
    """A table without window is cut by the first time among its keys."""
    write(tmp_path, VISITS, [("ann", NOON, 10), ("ann", NOON + MINUTE, 30), ("bob", NOON + MINUTE, 50)])

    mean = Chart(kind="metric", title="t", y="seconds", aggregate="mean")

    assert points(read(tmp_path, mean, VISITS)) == [(30.0,)]
    assert points(read(tmp_path, mean, VISITS, since=NOON)) == [(40.0,)]


def test_metric_counts_zero_of_no_rows(tmp_path):
    """A count over an empty span is 0, not missing."""
    write(tmp_path, VISITS, [("ann", NOON, 10)])

    found = read(tmp_path, Chart(kind="metric", title="t", y="began", aggregate="count"), VISITS, since=NOON)

    assert points(found) == [(0,)]


def test_metric_without_aggregate_is_the_newest_value(tmp_path):
    """A metric that says no aggregate shows the newest row's value."""
    counts(tmp_path, (0, "view", 1), (7, "view", 5), (3, "view", 9))

    assert points(read(tmp_path, Chart(kind="metric", title="t", y="events"))) == [(5,)]


def test_table_shows_all_columns_newest_first(tmp_path):
    """A table that names no column shows all of them, newest rows first, keys deciding between equal times."""
    write(tmp_path, VISITS, [("bob", NOON + MINUTE, 50), ("ann", NOON, 10), ("ann", NOON + MINUTE, 30)])

    found = read(tmp_path, Chart(kind="table", title="t", limit=2), VISITS)

    assert points(found) == [("ann", NOON + MINUTE, 30), ("bob", NOON + MINUTE, 50)]
    assert found.total == 3


def test_table_groups(tmp_path):
    """A table with an aggregate shows one row for each of its other columns' values."""
    counts(tmp_path, (0, "view", 3), (1, "view", 4), (0, "buy", 9))
    chart = Chart(kind="table", title="t", x="kind", y="events", aggregate="max", sort="events")

    assert points(read(tmp_path, chart)) == [("buy", 9), ("view", 4)]


def test_time_axis_is_in_order_with_its_step(tmp_path):
    """Along a time axis points are in the order of time, with the window's length as step."""
    counts(tmp_path, (1, "view", 2), (0, "view", 1), (1, "buy", 5))

    found = read(tmp_path, OVER_TIME)

    assert points(found) == [(NOON, "view", 1), (NOON + MINUTE, "buy", 5), (NOON + MINUTE, "view", 2)]
    assert (found.step, found.series) == (MINUTE, 2)


def test_time_axis_keeps_the_newest_windows_whole(tmp_path):
    """Where there is too much, the oldest windows are cut, no window in part, and the cut is told."""
    windows = MAX_ROWS // (MAX_SERIES + 1)
    counts(tmp_path, *((minute, kind, 1) for minute in range(windows + 5) for kind in ("buy", "view")))

    found = read(tmp_path, OVER_TIME)

    assert found.total == windows + 5
    assert found.rows.num_rows == 2 * windows
    assert found.rows.column("window_start")[0].as_py() == NOON + 5 * MINUTE


def test_time_axis_with_aggregate_takes_coarser_steps(tmp_path):
    """Where rows may be added up, a long span is drawn in wider steps, and no event is lost."""
    counts(tmp_path, *((minute, "view", 1) for minute in range(24 * 60)))
    chart = Chart(kind="bar", title="t", x="window_start", y="events", aggregate="sum")

    found = read(tmp_path, chart)

    assert found.step == 5 * MINUTE
    assert points(found)[:2] == [(NOON, 5), (NOON + 5 * MINUTE, 5)]
    assert sum(found.rows.column("events").to_pylist()) == 24 * 60


def test_first_coarse_step_is_whole(tmp_path):
    """A span that begins inside a coarser step shows all of that step."""
    counts(tmp_path, *((minute, "view", 1) for minute in range(10 * 60 + 1)))
    chart = Chart(kind="bar", title="t", x="window_start", y="events", aggregate="sum")

    found = read(tmp_path, chart, since=NOON + 3 * MINUTE)

    assert found.step == 5 * MINUTE
    assert points(found)[0] == (NOON, 5)


@pytest.mark.parametrize(
    ("window", "extent", "expected"),
    [
        (MINUTE, timedelta(hours=1), MINUTE),
        (MINUTE, timedelta(hours=24), timedelta(minutes=5)),
        (timedelta(minutes=10), timedelta(days=7), timedelta(hours=1)),
        (timedelta(hours=1), timedelta(days=3), timedelta(hours=1)),
        (None, timedelta(minutes=3), MINUTE),
        (MINUTE, timedelta(days=3000), timedelta(days=16)),
    ],
)
def test_coarser_steps_are_multiples_of_the_window(window, extent, expected):
    """A step is the smallest round multiple of the window of which at most 300 cover the extent."""
    assert coarser(window, extent) == expected


def test_small_series_are_folded_in_a_stack(tmp_path):
    """In a stack the series beyond the ten largest become one, so that its height stays right."""
    counts(tmp_path, *((0, f"kind {number:02}", 100 - number) for number in range(MAX_SERIES + 3)))

    found = read(tmp_path, OVER_TIME)

    assert found.series == MAX_SERIES + 3
    assert found.rows.num_rows == MAX_SERIES + 1
    assert points(found)[0] == (NOON, OTHERS, 90 + 89 + 88)


def test_small_series_are_left_out_of_lines(tmp_path):
    """Lines are not stacked: those beyond the ten largest are left out, and it is told how many there are."""
    counts(tmp_path, *((0, f"kind {number:02}", 100 - number) for number in range(MAX_SERIES + 3)))

    found = read(tmp_path, Chart(kind="line", title="t", x="window_start", y="events", series="kind"))

    assert [row[1] for row in points(found)] == [f"kind {number:02}" for number in range(MAX_SERIES)]
    assert found.series == MAX_SERIES + 3


def test_limit_counts_bars_not_parts_of_bars(tmp_path):
    """A limited bar chart with series shows whole bars: the largest by the sum of their parts."""
    columns = (*COUNTS.columns, Field(name="page", type=ScalarType.STRING))
    table = GoldTable(name="pages", description="d", sql="SELECT 1", columns=columns, keys=("kind", "page"))
    rows = [(NOON, "view", 3, "home"), (NOON, "buy", 3, "home"), (NOON, "view", 5, "cart"), (NOON, "view", 1, "help")]
    write(tmp_path, table, rows)
    chart = Chart(kind="bar", title="t", x="page", y="events", series="kind", aggregate="sum", sort="events", limit=2)

    found = read(tmp_path, chart, table)

    assert points(found) == [("home", "buy", 3), ("home", "view", 3), ("cart", "view", 5)]
    assert found.total == 3


def test_null_names_are_shown(tmp_path):
    """A bar or series without name is shown as such, not left out."""
    counts(tmp_path, (0, None, 2), (0, "view", 1))

    assert points(read(tmp_path, BARS)) == [("(none)", 2), ("view", 1)]
    assert points(read(tmp_path, OVER_TIME)) == [(NOON, "(none)", 2), (NOON, "view", 1)]


def test_names_are_quoted(tmp_path):
    """Columns may have any name: quotes, capitals and spaces do not end or change it."""
    odd = 'Odd "name"; DROP TABLE t'
    columns = (Field(name=odd, type=ScalarType.STRING), Field(name="Sum", type=ScalarType.LONG))
    table = GoldTable(name="odd", description="d", sql="SELECT 1", columns=columns, keys=(odd,))
    write(tmp_path, table, [("x", 1)])

    found = read(tmp_path, Chart(kind="bar", title="t", x=odd, y="Sum", sort="Sum"), table)

    assert found.rows.to_pylist() == [{odd: "x", "Sum": 1}]


def test_no_rows_in_the_span(tmp_path):
    """An empty span gives no rows, but the columns."""
    counts(tmp_path, (0, "view", 1))

    found = read(tmp_path, OVER_TIME, since=NOON)

    assert (found.rows.num_rows, found.rows.column_names) == (0, ["window_start", "kind", "events"])


def test_missing_table(tmp_path):
    """A table that does not exist is None for every reader, and the position is the start."""
    assert read_chart(SOURCE, COUNTS, BARS, tmp_path) is None
    assert table_summary(SOURCE, COUNTS, tmp_path) is None
    assert source_position(SOURCE, tmp_path) == START


def test_summary(tmp_path):
    """A summary tells rows, version, time of the commit, the newest window and its length."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    counts(tmp_path, (0, "view", 1), (4, "view", 1))
    counts(tmp_path, (2, "view", 1))

    found = table_summary(SOURCE, COUNTS, tmp_path)

    assert found is not None
    assert before < found.committed_at <= datetime.now(UTC)
    assert found == TableSummary(layout.gold(SOURCE, COUNTS), 3, 1, found.committed_at, NOON + 4 * MINUTE, MINUTE)


def test_summary_of_an_empty_table(tmp_path):
    """A table without rows has no newest window."""
    open_or_create(SOURCE, layout.gold(SOURCE, COUNTS), tmp_path)

    found = table_summary(SOURCE, COUNTS, tmp_path)

    assert found is not None
    assert (found.rows, found.newest) == (0, None)


def test_summary_of_another_layer(tmp_path):
    """A layer's one table is named by its layer."""
    open_or_create(SOURCE, layout.quarantine(SOURCE), tmp_path)

    found = table_summary(SOURCE, "quarantine", tmp_path)

    assert found is not None
    assert (found.table.name, found.rows, found.newest) == ("shop.quarantine", 0, None)


def test_position_is_the_one_bronze_recorded(tmp_path):
    """The position comes from Bronze's own commit."""
    table = open_or_create(SOURCE, layout.bronze(SOURCE), tmp_path)
    positions = {"cluster/topic/0": 7, "cluster/topic/1": 9}
    table.append(table.arrow_schema().empty_table(), batch=1, metadata={"positions": positions})

    found = source_position(SOURCE, tmp_path)

    assert (found.next_offsets, found.cluster_id, found.topic_id) == ({0: 7, 1: 9}, "cluster", "topic")


def test_lost_data_file_is_a_typed_error(tmp_path):
    """A table whose data file is gone is reported by its name, without a stack trace."""
    counts(tmp_path, (0, "view", 1))
    for file in layout.gold(SOURCE, COUNTS).path(tmp_path).glob("*.parquet"):
        file.unlink()

    with pytest.raises(TableError, match=r"file of table shop\.gold\.counts is gone"):
        read_chart(SOURCE, COUNTS, BARS, tmp_path)


def test_missing_column_is_a_typed_error(tmp_path):
    """A chart over a column that the stored table lacks is reported with the column's name."""
    counts(tmp_path, (0, "view", 1))
    columns = (*COUNTS.columns, Field(name="revenue", type=ScalarType.LONG))
    newer = GoldTable(name="counts", description="d", sql="SELECT 1", columns=columns, keys=COUNTS.keys)

    with pytest.raises(TableError, match="revenue"):
        read_chart(SOURCE, newer, Chart(kind="bar", title="t", x="kind", y="revenue"), tmp_path)
