"""A made-up town: riders hire bikes, ride and return them, and a mechanic changes empty batteries."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

from streaming_assets import Batch, Event
from streaming_assets_bike_hire.paths import Point, encode, kilometres

BATCH_EVENTS = 10_000
"""Most events in one batch; what is due besides comes with the next call, at once."""

HISTORY_SECONDS = 2 * 3600.0
"""How far back the first batch reaches, so that every table has rows at once."""

POLL_SECONDS = 1.0

GARBLED = 1 / 300
"""Share of the events that reach the log broken."""

STATIONS: dict[str, tuple[Point, int]] = {
    "Central station": ((52.0894, 5.1101), 9),
    "Harbour": ((52.0957, 5.0872), 4),
    "Hospital": ((52.0866, 5.1796), 3),
    "Market": ((52.0925, 5.1196), 7),
    "Museum": ((52.0838, 5.1262), 3),
    "Old mill": ((52.1012, 5.1037), 2),
    "Park gate": ((52.0790, 5.1312), 4),
    "University": ((52.0853, 5.1703), 6),
}
"""Where each station is, and how much is going on there."""

_KM_PER_MINUTE = 0.2
_EMPTY = 20
_STEPS = 10


@dataclass(slots=True)
class _Bike:
    id: str
    battery: int
    station: str


class Town:
    """Everything that happens to the bikes, one event after the other, without end.

    Args:
        start: Where the town's time starts, in seconds since 1970.
        rides_per_minute: Hires a minute, on average.
        chance: Source of all decisions.
    """

    def __init__(self, *, start: float, rides_per_minute: float, chance: Random) -> None:
        self.now = start
        self._rate = rides_per_minute / 60
        self._chance = chance
        # Bikes and events of another run must not look like this one's.
        self._run = f"{int(start * 1000):x}"
        self._numbers = count(1)
        self._free = [self._new_bike(number) for number in range(max(20, int(20 * rides_per_minute)))]
        self._due: list[tuple[float, int, Callable[[], Iterator[dict[str, Any]]]]] = []
        self._later(0, self._hire)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield events in the order in which they happen; `now` is the time of the last one."""
        while True:
            self.now, _, happen = heappop(self._due)
            yield from happen()

    def _later(self, seconds: float, happen: Callable[[], Iterator[dict[str, Any]]]) -> None:
        heappush(self._due, (self.now + seconds, next(self._numbers), happen))

    def _new_bike(self, number: int) -> _Bike:
        return _Bike(f"bike-{self._run}-{number:03}", self._chance.randint(30, 100), self._somewhere())

    def _somewhere(self) -> str:
        (name,) = self._chance.choices(list(STATIONS), [liveliness for _, liveliness in STATIONS.values()])
        return name

    def _hire(self) -> Iterator[dict[str, Any]]:
        """Somebody takes a bike, where there is one; and somebody else will come."""
        self._later(self._chance.expovariate(self._rate), self._hire)
        station = self._somewhere()
        bike = next((bike for bike in self._free if bike.station == station), None)
        if bike is None:
            return
        self._free.remove(bike)
        rider = f"rider-{self._chance.randrange(2000):04}"
        path = self._path(station, destination := self._somewhere())
        minutes = 3 + kilometres(path) / _KM_PER_MINUTE * self._chance.uniform(0.8, 1.5)
        self._later(60 * minutes, lambda: self._return(bike, rider, destination, path))
        yield self._event("hire", bike, rider=rider)

    def _return(self, bike: _Bike, rider: str, station: str, path: list[Point]) -> Iterator[dict[str, Any]]:
        """The bike is free again, unless its battery is empty: then the mechanic comes."""
        bike.station = station
        bike.battery = max(1, bike.battery - 2 - round(2 * kilometres(path)))
        if bike.battery > _EMPTY:
            self._free.append(bike)
        else:
            self._later(self._chance.uniform(300, 1800), lambda: self._service(bike))
        yield self._event("return", bike, rider=rider, path=encode(path))

    def _service(self, bike: _Bike) -> Iterator[dict[str, Any]]:
        """The mechanic takes the bike to where it is wanted, with a full battery."""
        bike.battery, bike.station = 100, self._somewhere()
        self._free.append(bike)
        yield self._event("service", bike)

    def _path(self, start: str, end: str) -> list[Point]:
        """Return the way from one station to another, or around the block, with the bends of a town."""
        (south, west), (north, east) = STATIONS[start][0], STATIONS[end][0]
        points = [(south + (north - south) * n / _STEPS, west + (east - west) * n / _STEPS) for n in range(_STEPS + 1)]
        bent = [(lat + self._chance.gauss(0, 0.0006), lon + self._chance.gauss(0, 0.001)) for lat, lon in points[1:-1]]
        return [points[0], *bent, points[-1]]

    def _event(self, kind: str, bike: _Bike, **more: str) -> dict[str, Any]:
        return {
            "id": f"{self._run}-{next(self._numbers)}",
            "at": int(self.now * 1000),
            "kind": kind,
            "bike": {"id": bike.id, "battery": bike.battery},
            "station": {"name": bike.station},
            **more,
        }


class TownProducer:
    """A `Producer` over a town whose time follows the wall clock.

    Args:
        rides_per_minute: Hires a minute, on average.
        clock: Seconds since 1970.
        chance: Source of all decisions: the same chance and clock give the same events.
    """

    def __init__(
        self, *, rides_per_minute: float, clock: Callable[[], float] = time.time, chance: Random | None = None
    ) -> None:
        self._clock = clock
        self._chance = chance or Random()  # noqa: S311 - a simulation needs no secret
        self._town = Town(start=clock() - HISTORY_SECONDS, rides_per_minute=rides_per_minute, chance=self._chance)
        self._events = iter(self._town)
        self._next = next(self._events)

    def next_batch(self) -> Batch:
        """Return what happened since the last call."""
        now = self._clock()
        events: list[Event] = []
        while self._town.now <= now and len(events) < BATCH_EVENTS:
            events.append(Event(value=self._written(self._next)))
            self._next = next(self._events)
        return Batch(events=events, poll_after=0.0 if self._town.now <= now else POLL_SECONDS)

    def close(self) -> None:
        """Leave the town; there is nothing to release."""

    def _written(self, event: dict[str, Any]) -> bytes:
        if self._chance.random() < GARBLED:
            return self._garbled(event)
        return json.dumps(event).encode()

    def _garbled(self, event: dict[str, Any]) -> bytes:
        """Break an event in one of the ways in which logs have broken ones."""
        value = json.dumps(event).encode()
        ways = [value[: len(value) // 2], json.dumps(event | {"at": "soon"}).encode()]
        if "path" in event:
            ways.append(json.dumps(event | {"path": event["path"][:-1]}).encode())
        return self._chance.choice(ways)
