"""Rows that are written while they are computed."""

from __future__ import annotations

import pyarrow as pa
import pytest

from streaming_assets.engines.embedded.handover import write_while_computing

SCHEMA = pa.schema({"number": pa.int64()})


def pieces(count, error=None):
    """Yield pieces of two rows, then raise if there is an error."""
    for number in range(count):
        yield pa.record_batch({"number": [number, number]}, schema=SCHEMA)
    if error:
        raise error


@pytest.mark.parametrize("count", [0, 1, 100])
def test_all_rows_arrive_in_their_order(count):
    """The writer gets every row that is computed, and their number is told."""
    written = []
    rows = write_while_computing(pieces(count), SCHEMA, lambda reader: written.append(reader.read_all()))
    assert rows == 2 * count
    assert written[0]["number"].to_pylist() == [number for number in range(count) for _ in range(2)]


@pytest.mark.parametrize("error", [ValueError("no such column"), KeyboardInterrupt()])
@pytest.mark.parametrize("count", [0, 1, 100])
def test_what_computing_raises_stops_the_writer(count, error):
    """Rows that could not be computed to the end are not written, and what went wrong is raised as it is."""
    written = []
    with pytest.raises(type(error)) as raised:
        write_while_computing(pieces(count, error), SCHEMA, lambda reader: written.append(reader.read_all()))
    assert raised.value is error
    assert written == []


@pytest.mark.parametrize("read", [0, 3])
def test_what_writing_raises_stops_computing(read):
    """A writer that fails, at once or on the way, is not waited for, and its error is raised."""
    computed = []

    def write(reader):
        for _ in range(read):
            reader.read_next_batch()
        raise OSError("disk full")

    def compute():
        for piece in pieces(100_000):
            computed.append(piece)
            yield piece

    with pytest.raises(OSError, match="disk full"):
        write_while_computing(compute(), SCHEMA, write)
    assert len(computed) < 100_000
