"""Ways through the town, as encoded polylines.

A polyline is the list of its points, each a latitude and a longitude in units of 0.00001 degrees. What is written is
the difference to the point before, five bits to a letter, the lowest first ("Encoded Polyline Algorithm Format" of
Google Maps). It takes a loop that remembers where it is: no matter for SQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from math import asin, cos, radians, sin, sqrt

Point = tuple[float, float]
"""Latitude and longitude in degrees."""

POLYLINE = "(?:(?:[_-~]{0,5}[?-^]){2})+"
"""A regular expression for polylines: two numbers a point, each up to five letters from `_` on, then one before it."""

_UNIT = 1e-5
_FIRST_LETTER = ord("?")
_MORE = 0b100000
_FIVE_BITS = 0b11111
_EARTH_DIAMETER_KM = 2 * 6371.0088


def decode(path: str) -> list[Point]:
    """Return the points of a text that matches `POLYLINE`."""
    numbers = _numbers(path)
    points: list[Point] = []
    latitude = longitude = 0
    for north, east in zip(numbers[::2], numbers[1::2], strict=True):
        latitude, longitude = latitude + north, longitude + east
        points.append((latitude * _UNIT, longitude * _UNIT))
    return points


def encode(points: Iterable[Point]) -> str:
    """Return points as a polyline."""
    letters: list[str] = []
    before = (0, 0)
    for point in points:
        here = (round(point[0] / _UNIT), round(point[1] / _UNIT))
        letters += (_letters(now - then) for now, then in zip(here, before, strict=True))
        before = here
    return "".join(letters)


def kilometres(points: Iterable[Point]) -> float:
    """Return the length of a way in kilometres, to the metre."""
    return round(sum(_distance(start, end) for start, end in pairwise(points)), 3)


def _numbers(path: str) -> list[int]:
    numbers: list[int] = []
    number = shift = 0
    for letter in path:
        bits = ord(letter) - _FIRST_LETTER
        number |= (bits & _FIVE_BITS) << shift
        shift += 5
        if not bits & _MORE:
            numbers.append(~(number >> 1) if number & 1 else number >> 1)
            number = shift = 0
    return numbers


def _letters(number: int) -> str:
    rest = ~(number << 1) if number < 0 else number << 1
    letters = ""
    while rest > _FIVE_BITS:
        letters += chr((rest & _FIVE_BITS | _MORE) + _FIRST_LETTER)
        rest >>= 5
    return letters + chr(rest + _FIRST_LETTER)


def _distance(start: Point, end: Point) -> float:
    """Return the way between two points as the crow flies, by the haversine formula."""
    (south, west), (north, east) = (tuple(map(radians, point)) for point in (start, end))
    square = sin((north - south) / 2) ** 2 + cos(south) * cos(north) * sin((east - west) / 2) ** 2
    return _EARTH_DIAMETER_KM * asin(sqrt(min(1.0, max(0.0, square))))  # whatever points a path may hold
