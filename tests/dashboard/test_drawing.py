"""What charts are drawn from: zeros of areas, colours of series, places of cards, words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from streaming_dashboard.charts import with_zeros
from streaming_dashboard.colors import GREY, PALETTE, assign
from streaming_dashboard.grid import rows
from streaming_dashboard.wording import duration, human, moment, plain, told

from streaming_assets.errors import TableError
from streaming_assets.lake.reader import MAX_SERIES, OTHERS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_area_falls_to_zero_beside_a_gap():
    """Where a series has no row it is zero: beside each row there is, not along the whole gap."""
    schema = pa.schema([("x", pa.timestamp("us", "UTC")), ("y", pa.int64()), ("s", pa.string())])
    rows = [{"x": NOON, "y": 3, "s": "a"}, {"x": NOON + 9 * MINUTE, "y": 5, "s": "b"}]

    filled = with_zeros(pa.Table.from_pylist(rows, schema=schema), MINUTE).to_pylist()

    assert [((row["x"] - NOON) // MINUTE, row["s"], row["y"]) for row in filled] == [
        (0, "a", 3),
        (0, "b", 0),
        (1, "a", 0),
        (1, "b", 0),
        (8, "a", 0),
        (8, "b", 0),
        (9, "a", 0),
        (9, "b", 5),
    ]


def test_every_named_series_has_a_colour_of_its_own():
    """There are as many different colours as series that keep their name."""
    assert len({*PALETTE, GREY}) == MAX_SERIES + 1


def test_series_keep_their_colours():
    """A series that comes later takes a free colour and repaints none; the rest is grey."""
    first = assign({}, ["b", "c"])

    second = assign(first, ["a", "c", "b", OTHERS])

    assert second == {"a": PALETTE[2], "b": PALETTE[0], "c": PALETTE[1], OTHERS: GREY}


def test_colour_of_a_gone_series_is_free_again():
    """A series that is not shown any more gives its colour back."""
    assert assign({"gone": PALETTE[0], "here": PALETTE[1]}, ["here", "new"]) == {"here": PALETTE[1], "new": PALETTE[0]}


def test_wide_cards_stand_alone():
    """Two narrow cards share a row, a wide one has its own, and the order stays."""
    assert list(rows(["w1", "n1", "n2", "n3", "w2"], lambda name: name.startswith("w"))) == [
        ["w1"],
        ["n1", "n2"],
        ["n3"],
        ["w2"],
    ]


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (timedelta(seconds=-1), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(minutes=3, seconds=59), "3 min"),
        (timedelta(hours=23), "23 h"),
        (timedelta(days=5, hours=1), "5 d"),
    ],
)
def test_durations(length, expected):
    """A length of time is written in its largest unit, rounded down."""
    assert duration(length) == expected


def test_moments():
    """A step is written with its end, a single moment with its seconds, both in UTC."""
    assert moment(NOON, 5 * MINUTE) == "2026-03-01 12:00 to 12:05 UTC"
    assert moment(NOON, timedelta(hours=12)) == "2026-03-01 12:00 to 2026-03-02 00:00 UTC"
    assert moment(NOON) == "2026-03-01 12:00:00 UTC"


def test_words():
    """Names are written as words, and text that is not ours is no markup."""
    assert human("active_users") == "active users"
    assert plain("a_b <i> $x$") == "a\\_b \\<i\\> \\$x\\$"


def test_native_frames_are_not_told():
    """Frames that a native library puts into its error's text are left out."""
    error = TableError("Broken.", found="bad JSON\n   0: <unknown>\n  12: start_thread", remedy="mend it")

    assert told(error) == "Broken.\nFound: bad JSON\nWhat to do: mend it"
