"""The fault points of a commit: what a table and its folder hold at each of them."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest

from streaming_assets import faults
from streaming_assets.contract import Field, GoldTable, ScalarType
from streaming_assets.errors import StreamingAssetsError
from streaming_assets.lake.schemas import gold_schema

TEXTS = GoldTable(
    name="texts",
    description="Long texts.",
    sql="SELECT kind AS text FROM silver",
    columns=(Field(name="text", type=ScalarType.STRING),),
    keys=("text",),
)


@pytest.fixture
def lab(make_lab, make_source):
    """A lab with a Gold table of texts."""
    return make_lab(make_source(gold=(TEXTS,)))


@pytest.fixture
def arm(monkeypatch):
    """Arms fault points for this process, their hits counted from now on: `arm(text)`."""

    def set_fault(text):
        faults._armed.cache_clear()
        monkeypatch.setenv(faults.VARIABLE, text)

    return set_fault


def texts(rows):
    """Rows of 400 letters that can't be compressed to less than half."""
    chance = random.Random(1)  # noqa: S311 - reproducible on purpose
    return pa.table({"text": [f"{chance.getrandbits(1600):0400x}" for _ in range(rows)]}, schema=gold_schema(TEXTS))


def write(lab, rows):
    """Write rows as batch 1."""
    rows = pa.Table.from_batches(rows.to_batches(max_chunksize=10_000), rows.schema)
    lab.open("gold", "texts").append(rows, batch=1, metadata={})


def data_files(lab):
    return list((lab.lake / "shop" / "gold" / "texts").glob("*.parquet"))


@pytest.mark.parametrize(("point", "version"), [("computed", 0), ("written", 0), ("committed", 1)])
def test_what_a_table_holds_at_each_point(lab, arm, point, version):
    """Before the commit a reader sees nothing of the write, after it all, and the one who goes on repeats nothing."""
    arm(f"gold.{point}=raise")
    with pytest.raises((faults.FaultRaised, StreamingAssetsError), match=rf"fault point gold\.{point}"):
        write(lab, texts(1))
    opened = lab.open("gold", "texts")
    assert (opened.version, opened.batch, opened.rows()) == (version, version, version)
    if opened.batch == 0:
        write(lab, texts(1))
    assert lab.open("gold", "texts").rows() == 1


def test_at_written_full_files_lie_there_and_no_commit_names_them(lab, arm):
    """A write that ends after its last row leaves the files that were full, and the table as it was."""
    arm("gold.written=raise")
    with pytest.raises((faults.FaultRaised, StreamingAssetsError)):
        write(lab, texts(100_000))
    assert lab.open("gold", "texts").files() == []
    left = set(data_files(lab))
    assert left
    write(lab, texts(100_000))
    assert left.isdisjoint(Path(file.path) for file in lab.open("gold", "texts").files())
