from __future__ import annotations

import re

import pytest
from streaming_assets_bike_hire.paths import POLYLINE, decode, encode, kilometres

# The example of the format's documentation.
PATH = "_p~iF~ps|U_ulLnnqC_mqNvxq`@"
POINTS = [(38.5, -120.2), (40.7, -120.95), (43.252, -126.453)]


def test_a_path_is_read_as_documented():
    """The documented example has the documented points."""
    assert decode(PATH) == [pytest.approx(point) for point in POINTS]


def test_a_path_is_written_as_documented():
    """The documented points make the documented example."""
    assert encode(POINTS) == PATH


@pytest.mark.parametrize("points", [[], [(0.0, 0.0)], [(-90.0, 180.0), (90.0, -180.0), (90.0, -179.99999)]])
def test_what_is_written_can_be_read(points):
    """No point, the origin and the ends of the earth come back as they were."""
    assert decode(encode(points)) == [pytest.approx(point) for point in points]


def test_the_expression_knows_what_can_be_read():
    """Of all beginnings of the example, those that end with a point are polylines; no number has seven letters."""
    whole = [path for path in (PATH[:end] for end in range(len(PATH) + 1)) if re.fullmatch(POLYLINE, path)]
    assert [len(decode(path)) for path in whole] == [1, 2, 3]
    assert re.fullmatch(POLYLINE, "~~~~~~??") is None


@pytest.mark.parametrize(
    ("points", "km"),
    [
        ([], 0),
        ([(52.0, 5.0)], 0),
        # A degree is the 360th part of 2 pi times 6371.0088 km; at 60 degrees north, one of longitude is half of it.
        ([(0.0, 0.0), (1.0, 0.0)], 111.195),
        ([(0.0, 0.0), (0.0, 1.0), (0.0, 0.0)], 222.39),
        ([(60.0, 10.0), (60.0, 10.01)], 0.556),
        ([(0.0, 0.0), (0.0, 180.0)], 20015.115),
        ([(80.0, 0.0), (100.0, 180.0)], 0),  # ten degrees beyond the pole is the same place from the other side
    ],
)
def test_the_length_of_a_way(points, km):
    """Lengths are those of great circles, added up along the way, to the metre."""
    assert kilometres(points) == pytest.approx(km, abs=0.0011)
