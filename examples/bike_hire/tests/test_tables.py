from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from streaming_assets_bike_hire.gold import DEMAND, RIDES, STATIONS
from streaming_assets_bike_hire.paths import encode
from streaming_assets_bike_hire.silver import SILVER, clean

from streaming_assets import Field, ScalarType

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUARTER = 15 * MINUTE
COLUMNS = (
    Field(name="event_id", type=ScalarType.STRING),
    *(Field(name=name, type=ScalarType.TIMESTAMP) for name in ("event_time", "window_start", "window_end")),
    *SILVER.columns,
)


def silver(*rows):
    """Rows of (minutes after noon, kind, rider, bike, station, kilometres), as Silver has them."""
    return [
        {
            "event_id": str(number),
            "event_time": NOON + minutes * MINUTE,
            "window_start": NOON + minutes * MINUTE // QUARTER * QUARTER,
            "window_end": NOON + minutes * MINUTE // QUARTER * QUARTER + QUARTER,
            "kind": kind,
            "rider": rider,
            "bike": bike,
            "battery": 50 + number,
            "station": station,
            "km": km,
        }
        for number, (minutes, kind, rider, bike, station, km) in enumerate(rows)
    ]


def events(*paths):
    """Events as the framework hands them to the Silver function."""
    return pa.table(
        {
            "kind": ["return"] * len(paths),
            "rider": ["ada"] * len(paths),
            "bike": [{"id": "b", "battery": 7}] * len(paths),
            "station": [{"name": "Harbour"}] * len(paths),
            "path": pa.array(paths, pa.string()),
        }
    )


def test_silver_has_the_length_of_the_ride():
    """Objects become columns, and a path its length; without a path there is none."""
    row = {"kind": "return", "rider": "ada", "bike": "b", "battery": 7, "station": "Harbour"}
    rows = clean(events(encode([(0, 0), (0, 1)]), None)).to_pylist()
    assert rows == [row | {"km": pytest.approx(111.195, abs=0.001)}, row | {"km": None}]
    assert list(rows[0]) == [column.name for column in SILVER.columns]


def test_demand_counts_by_quarter_and_station(query):
    """Hires and returns are counted where they happen, a rider once, and kilometres where rides end."""
    rows = silver(
        (0, "hire", "ada", "b1", "Harbour", None),
        (1, "hire", "bob", "b2", "Harbour", None),
        (14, "return", "ada", "b1", "Harbour", 2.5),
        (15, "return", "bob", "b2", "Harbour", 1.5),
        (15, "service", None, "b3", "Market", None),
    )
    first, second = (
        {"window_start": NOON, "window_end": NOON + QUARTER},
        {"window_start": NOON + QUARTER, "window_end": NOON + 2 * QUARTER},
    )
    assert query(DEMAND.sql, COLUMNS, rows) == [
        first | {"station": "Harbour", "hires": 2, "returns": 1, "riders": 2, "km": 2.5},
        second | {"station": "Harbour", "hires": 0, "returns": 1, "riders": 1, "km": 1.5},
        second | {"station": "Market", "hires": 0, "returns": 0, "riders": 0, "km": 0.0},
    ]


def ride(minutes, stations, km, *, bike="b1", rider="ada"):
    """An expected row; its two times are minutes after noon."""
    (started, ended), (origin, destination) = minutes, stations
    return {
        "bike": bike,
        "started": NOON + started * MINUTE,
        "ended": None if ended is None else NOON + ended * MINUTE,
        "from_station": origin,
        "to_station": destination,
        "minutes": None if ended is None else ended - started,
        "km": km,
        "rider": rider,
    }


def test_a_ride_is_a_hire_and_its_return(query):
    """Rides of a bike are told apart in whatever order its events are read; what the mechanic does is no ride."""
    rows = silver(
        (40, "return", "bob", "b1", "Museum", 1.0),
        (0, "hire", "ada", "b1", "Harbour", None),
        (12, "return", "ada", "b1", "Market", 3.0),
        (20, "service", None, "b1", "Museum", None),
        (30, "hire", "bob", "b1", "Museum", None),
        (5, "hire", "eve", "b2", "Harbour", None),
    )
    assert query(RIDES.sql, COLUMNS, rows) == [
        ride((0, 12), ("Harbour", "Market"), 3.0),
        ride((30, 40), ("Museum", "Museum"), 1.0, rider="bob"),
        ride((5, None), ("Harbour", None), None, bike="b2", rider="eve"),
    ]


def test_a_lost_event_costs_its_own_ride(query):
    """A return without a hire is no ride, and a hire whose return was lost stays open."""
    rows = silver(
        (0, "return", "ada", "b1", "Market", 3.0),
        (5, "hire", "ada", "b1", "Market", None),
        (20, "hire", "ada", "b1", "Harbour", None),
        (25, "return", "ada", "b1", "Market", 2.0),
    )
    assert query(RIDES.sql, COLUMNS, rows) == [
        ride((5, None), ("Market", None), None),
        ride((20, 25), ("Harbour", "Market"), 2.0),
    ]


def test_stations_have_the_bikes_that_stand_there(query):
    """A bike stands where it was put last; one that is ridden or has not been seen for a day stands nowhere."""
    day = 24 * 60
    rows = silver(
        (0, "return", "ada", "lost", "Harbour", 1.0),
        (1, "return", "ada", "b1", "Harbour", 1.0),
        (2, "service", None, "b1", "Market", None),
        (3, "return", "bob", "b2", "Market", 1.0),
        (4, "return", "eve", "b3", "Museum", 1.0),
        (5, "hire", "eve", "b3", "Museum", None),
        (day, "return", "bob", "b4", "Harbour", 1.0),
    )
    assert query(STATIONS.sql, COLUMNS, rows) == [
        {"station": "Harbour", "bikes": 1, "lowest_battery": 56},
        {"station": "Market", "bikes": 2, "lowest_battery": 52},
    ]
