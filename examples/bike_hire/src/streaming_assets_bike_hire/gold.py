"""The tables for readers: demand by quarter of an hour, every ride, and where the bikes stand now."""

from __future__ import annotations

from streaming_assets import Chart, Field, GoldTable, ScalarType

# Windowed: a row depends on the events of its own window, so only windows that new events touch are computed again.
DEMAND = GoldTable(
    name="demand",
    description="What happened at each station in each quarter of an hour.",
    window="15 minutes",
    sql="""
SELECT
  window_start,
  window_end,
  station,
  count_if(kind = 'hire') AS hires,
  count_if(kind = 'return') AS returns,
  count(DISTINCT rider) AS riders,
  coalesce(sum(km), 0) AS km
FROM silver
GROUP BY window_start, window_end, station
""",
    columns=(
        Field(name="window_start", type=ScalarType.TIMESTAMP, description="Start of the quarter, UTC, inclusive."),
        Field(name="window_end", type=ScalarType.TIMESTAMP, description="End of the quarter, UTC, exclusive."),
        Field(name="station", type=ScalarType.STRING, description="The station."),
        Field(name="hires", type=ScalarType.LONG, description="Number of bikes taken."),
        Field(name="returns", type=ScalarType.LONG, description="Number of bikes put back by riders."),
        Field(name="riders", type=ScalarType.LONG, description="Number of different riders."),
        Field(name="km", type=ScalarType.DOUBLE, description="Kilometres of the rides that ended here."),
    ),
    keys=("window_start", "station"),
    charts=(
        Chart(kind="area", title="Hires by station", x="window_start", y="hires", series="station", aggregate="sum"),
        Chart(kind="line", title="Kilometres ridden", x="window_start", y="km", aggregate="sum"),
        # Riders of two quarters can't be added up, as some are in both, so the newest stands alone.
        Chart(
            kind="bar", title="Riders by station, latest quarter", x="station", y="riders", latest=True, sort="riders"
        ),
    ),
)

# Per bike: a row depends on the events of its own bike, so only bikes that new events name are computed again.
RIDES = GoldTable(
    name="rides",
    description="Every ride: what happened to a bike from a hire to the next one.",
    per="bike",
    # RANGE, not ROWS: events of the same millisecond get the same number, in whatever order they are read.
    sql="""
WITH numbered AS (
  SELECT
    bike, kind, rider, station, km, event_time,
    count_if(kind = 'hire') OVER (
      PARTITION BY bike ORDER BY event_time RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS ride
  FROM silver
  WHERE kind <> 'service'
),
rides AS (
  SELECT
    bike,
    min(event_time) AS started,
    min(CASE WHEN kind = 'return' THEN event_time END) AS ended,
    min(rider) AS rider,
    min(CASE WHEN kind = 'hire' THEN station END) AS from_station,
    min(CASE WHEN kind = 'return' THEN station END) AS to_station,
    min(km) AS km
  FROM numbered
  WHERE ride > 0
  GROUP BY bike, ride
)
SELECT
  bike, started, ended, from_station, to_station,
  (unix_micros(ended) - unix_micros(started)) DIV 60000000 AS minutes,
  km,
  rider
FROM rides
""",
    columns=(
        Field(name="bike", type=ScalarType.STRING, description="The bike."),
        Field(name="started", type=ScalarType.TIMESTAMP, description="When it was hired, UTC."),
        Field(
            name="ended",
            type=ScalarType.TIMESTAMP,
            required=False,
            description="When it was returned, UTC; null while it is under way.",
        ),
        Field(name="from_station", type=ScalarType.STRING, description="Where it was taken."),
        Field(name="to_station", type=ScalarType.STRING, required=False, description="Where it was put back."),
        Field(name="minutes", type=ScalarType.LONG, required=False, description="Whole minutes of the ride."),
        Field(name="km", type=ScalarType.DOUBLE, required=False, description="Kilometres of the ride."),
        Field(name="rider", type=ScalarType.STRING, description="Pseudonym of the rider."),
    ),
    keys=("bike", "started"),
    charts=(
        Chart(kind="metric", title="Rides", y="started", aggregate="count"),
        Chart(kind="metric", title="Mean ride, minutes", y="minutes", aggregate="mean"),
        Chart(kind="metric", title="Longest ride, km", y="km", aggregate="max"),
        Chart(kind="table", title="Longest rides", sort="km", limit=10),
    ),
)

# Whole: the newest event of a bike may be at any station, so the table is computed as a whole. It stays small.
STATIONS = GoldTable(
    name="stations",
    description="Where the bikes stand now; one that nobody has touched for a day counts as lost.",
    sql="""
WITH placed AS (
  SELECT
    station, kind, battery, event_time,
    row_number() OVER (PARTITION BY bike ORDER BY event_time DESC, event_id) AS place,
    max(event_time) OVER () AS now
  FROM silver
)
SELECT station, count(*) AS bikes, min(battery) AS lowest_battery
FROM placed
WHERE place = 1 AND kind <> 'hire' AND event_time > now - INTERVAL 1 DAY
GROUP BY station
""",
    columns=(
        Field(name="station", type=ScalarType.STRING, description="The station."),
        Field(name="bikes", type=ScalarType.LONG, description="Number of bikes that stand there."),
        Field(name="lowest_battery", type=ScalarType.LONG, description="Charge of the emptiest of them, in percent."),
    ),
    keys=("station",),
    charts=(
        Chart(kind="bar", title="Bikes at the stations", x="station", y="bikes", sort="bikes"),
        Chart(kind="bar", title="Emptiest battery, percent", x="station", y="lowest_battery"),
    ),
)

GOLD = (DEMAND, RIDES, STATIONS)
