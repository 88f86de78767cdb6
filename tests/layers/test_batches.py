"""Whether the batches that the tables record agree with each other and with their rows."""

from __future__ import annotations

import pytest
from deltalake import CommitProperties, Transaction, write_deltalake

from streaming_assets.contract import Field, GoldTable, ScalarType
from streaming_assets.lake.compaction import merge_files
from streaming_assets.lake.history import entry_path
from streaming_assets.layers.batches import Batches, compare_batches

AT = "2026-03-01T11:00:00Z"
TOTALS = GoldTable(
    name="totals",
    description="Events of each kind.",
    sql="SELECT kind, count(*) AS events FROM silver GROUP BY kind",
    columns=(Field(name="kind", type=ScalarType.STRING), Field(name="events", type=ScalarType.LONG)),
    keys=("kind",),
)


@pytest.fixture
def lab(make_lab, make_source):
    """A refreshed lab with three batches; the last one has nothing for quarantine."""
    lab = make_lab(make_source(gold=(TOTALS,)))
    lab.bronze({"id": "a", "at": AT, "kind": "a"}, b"x")
    lab.bronze({"id": "b", "at": AT, "kind": "a"}, b"y")
    lab.refine()
    lab.bronze({"id": "c", "at": AT, "kind": "a"})
    lab.refine()
    lab.aggregate()
    return lab


RIGHT = {"bronze": 3, "silver": 3, "quarantine": 2, "gold.totals": 3}


def found(lab):
    return compare_batches(lab.source, lab.lake)


def move(lab, layer, batch, table=None):
    """Let a table say that it contains another batch."""
    opened = lab.open(layer, table)
    properties = CommitProperties(app_transactions=[Transaction(opened.id.app_id, batch)])
    empty = opened.arrow_schema().empty_table()
    write_deltalake(opened._delta, empty, mode="append", commit_properties=properties)


def test_right_batches_agree(lab):
    """Tables as a refresh left them, compacted or not, agree; quarantine moves on only when it gets rows."""
    assert found(lab) == Batches(RIGHT)
    for layer in ("bronze", "silver", "quarantine"):
        lab.maintain(layer)
    assert found(lab) == Batches(RIGHT)


def test_no_table_is_no_fault(make_lab):
    """Before the first refresh there is nothing to agree."""
    assert found(make_lab()) == Batches({})


@pytest.mark.parametrize(
    ("layer", "table", "fault"),
    [
        ("silver", None, "silver contains batch 9, bronze only 3"),
        ("quarantine", None, "quarantine contains batch 9, bronze only 3"),
        ("gold", "totals", "gold.totals contains batch 9, silver only 3"),
    ],
)
def test_a_table_ahead_of_the_one_before_is_found(lab, layer, table, fault):
    """A table that says it contains a batch that the one before lacks is a fault."""
    move(lab, layer, 9, table)
    assert fault in found(lab).faults


@pytest.mark.parametrize("batch", [-1, 0, 9])
@pytest.mark.parametrize("layer", ["bronze", "silver", "quarantine"])
def test_a_row_of_no_batch_is_found(lab, layer, batch):
    """A row of a batch before the first, or after the one that the table contains, is a fault."""
    first, *_ = lab.rows(layer)
    lab.plant(layer, [{**first, "batch": batch}])
    assert found(lab).faults[0].startswith(f"{layer} has 1 rows of batch {batch}, although its last batch is ")


@pytest.mark.parametrize("change", ["less", "more"])
def test_a_batch_of_another_size_is_found(lab, change):
    """A batch that has fewer or more rows than it was written with is a fault."""
    if change == "less":
        lab.delete("bronze", '"offset" = 2')
    else:
        row = next(row for row in lab.rows("bronze") if row["batch"] == 2)
        lab.plant("bronze", [row])
    rows = {"less": 1, "more": 3}[change]
    assert found(lab).faults == (f"batch 2 of bronze has {rows} rows, and was written with 2",)


def test_a_batch_that_is_left_out_is_found(lab):
    """A Bronze commit that skips batches is a fault, also where no row is missing."""
    bronze = lab.open("bronze")
    bronze.append(bronze.arrow_schema().empty_table(), batch=6, metadata={"records": 0})
    assert found(lab).faults == ("bronze lacks the commits of batches 4 to 5",)


def test_what_a_merge_repeats_is_no_batch_of_its_own(lab):
    """A merge repeats the batch it found, also after later ones; alone left in a cleaned log, it shows no gap."""
    opened = lab.open("bronze")
    for identity in "de":
        lab.bronze({"id": identity, "at": AT, "kind": "a"})
    assert len(list(merge_files(opened, min_files=2))) == 1
    merged = lab.open("bronze")
    lab.bronze({"id": "f", "at": AT, "kind": "a"})
    merged.checkpoint()
    for version in range(merged.version):
        entry_path(merged.path, version).unlink()
    assert found(lab).faults == ()


def test_what_is_behind_is_told(lab):
    """A table that lacks batches of the one before is no fault, and told: the next refresh goes on there."""
    lab.bronze({"id": "d", "at": AT, "kind": "a"}, b"z")
    assert found(lab).faults == ()
    assert found(lab).notes == ("silver is behind: batch 3 of 4 in bronze; the next refresh goes on there",)
    lab.refine()
    assert found(lab).notes == ("gold.totals is behind: batch 3 of 4 in silver; the next refresh goes on there",)


def test_quarantine_ahead_of_silver_is_told(lab):
    """Where a run ended between the commits of quarantine and Silver, that is told and no fault."""
    lab.bronze({"id": "d", "at": AT, "kind": "a"}, b"z")
    move(lab, "quarantine", 4)
    assert found(lab).faults == ()
    assert "quarantine is ahead of silver" in found(lab).notes[-1]
