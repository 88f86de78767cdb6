"""Which Bronze batches are refined together."""

from __future__ import annotations

import itertools

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming_assets.engines.protocol import Limits
from streaming_assets.engines.slices import slices
from streaming_assets.lake.files import DataFile


@pytest.fixture(scope="module")
def make_file(tmp_path_factory):
    """Makes a real data file said to hold some batches: `make_file(low, high, records)`."""
    folder = tmp_path_factory.mktemp("files")
    path = folder / "ten.parquet"
    pq.write_table(pa.table({"value": ["x" * 10] * 10}), path)

    def make(low, high, records=10):
        return DataFile(
            path=str(path), records=records, size=path.stat().st_size, low={"batch": low}, high={"batch": high}
        )

    return make


def cut(files, after=0, records=10**6, size=2**30):
    """Cut files given as (lowest batch, highest batch, …)."""
    return [(part.after, part.upto, len(part.files)) for part in slices(files, after, Limits(records, size))]


def test_nothing_is_no_slice():
    """Without files there is nothing to refine."""
    assert cut([]) == []


def test_batches_are_taken_together_up_to_the_limit(make_file):
    """A slice holds as many whole batches as fit, and the next one goes on after its last."""
    files = [make_file(batch, batch) for batch in (3, 1, 2, 5, 4)]
    assert cut(files) == [(0, 5, 5)]
    assert cut(files, records=20) == [(0, 2, 2), (2, 4, 2), (4, 5, 1)]
    assert cut(files, records=29) == [(0, 2, 2), (2, 4, 2), (4, 5, 1)]


def test_every_file_is_measured_once(make_file, monkeypatch):
    """However many files a slice has, the footer of each is read once: work grows as their number does."""
    read, measured = pq.read_metadata, []
    monkeypatch.setattr(pq, "read_metadata", lambda path: measured.append(path) or read(path))
    assert cut([make_file(batch, batch) for batch in range(1, 41)], records=300) == [(0, 30, 30), (30, 40, 10)]
    assert len(measured) == 40


def test_a_slice_is_at_least_one_file(make_file):
    """A batch larger than the limits is refined by itself."""
    files = [make_file(1, 1), make_file(2, 2, records=999), make_file(3, 3)]
    assert cut(files, records=10) == [(0, 1, 1), (1, 2, 1), (2, 3, 1)]
    assert cut(files, size=1) == [(0, 1, 1), (1, 2, 1), (2, 3, 1)]


def test_files_of_one_batch_stay_together(make_file):
    """A batch that lies in several files, as where midnight passed, is in one slice."""
    assert cut([make_file(1, 1), make_file(1, 1), make_file(2, 2)], records=10) == [(0, 1, 2), (1, 2, 1)]


def test_files_whose_batches_overlap_stay_together(make_file):
    """Compacted files that share a range of batches are read once, together."""
    files = [make_file(1, 4), make_file(3, 6), make_file(6, 6), make_file(7, 9)]
    assert cut(files, records=10) == [(0, 6, 3), (6, 9, 1)]


def test_a_compacted_file_may_hold_batches_that_are_done(make_file):
    """The first slice begins after what is done, also where its file begins before."""
    assert cut([make_file(1, 9)], after=5) == [(5, 9, 1)]


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 5), st.integers(1, 50))), st.integers(1, 200))
def test_slices_follow_each_other(make_file, ranges, records):
    """Each file is in one slice, which holds all of its batches, and a slice begins where the one before ends."""
    files = [make_file(low, low + more, count) for low, more, count in ranges]
    parts = list(slices(files, 0, Limits(records, 2**30)))
    assert len(files) == sum(len(part.files) for part in parts)
    assert all(part.after < file.low["batch"] for part in parts for file in part.files)
    assert all(file.high["batch"] <= part.upto for part in parts for file in part.files)
    assert all(before.upto == after.after for before, after in itertools.pairwise(parts))
