"""Compaction and vacuum."""

from __future__ import annotations

import pytest

from streaming_assets.lake.maintenance import Maintained, maintain
from streaming_assets.lake.tables import open_table

LAYERS = ("bronze", "silver", "quarantine")


@pytest.fixture
def lab(make_lab):
    """A lab whose tables have three files each."""
    lab = make_lab()
    for letter in "abc":
        lab.bronze({"id": letter, "at": "2026-03-01T11:00:00Z", "kind": "view"}, letter.encode())
        lab.refine()
    return lab


def run(lab, layer, hours):
    return maintain(lab.identity(layer), lab.lake, retention_hours=hours)


@pytest.mark.parametrize("layer", LAYERS)
def test_files_are_merged_and_nothing_else_changes(lab, layer):
    """Three files become one; rows, batch and recorded metadata stay."""
    before = (lab.rows(layer), lab.open(layer).batch, lab.open(layer).commit_metadata())
    assert run(lab, layer, 168) == Maintained(lab.identity(layer), files_before=3, files_after=1, deleted=0)
    assert before == (lab.rows(layer), lab.open(layer).batch, lab.open(layer).commit_metadata())


@pytest.mark.parametrize("layer", LAYERS)
def test_a_table_of_one_file_is_left_alone(lab, layer):
    """Where there is nothing to merge, and nothing to delete, no rows move."""
    run(lab, layer, 168)
    before = lab.open(layer).files()
    assert run(lab, layer, 168) == Maintained(lab.identity(layer), files_before=1, files_after=1, deleted=0)
    assert before == lab.open(layer).files()


def test_an_empty_table_is_left_alone(make_lab):
    """A table without files, and one that does not exist, have nothing to maintain."""
    lab = make_lab()
    assert run(lab, "bronze", 0) is None
    lab.open("bronze")
    assert run(lab, "bronze", 0) == Maintained(lab.identity("bronze"), files_before=0, files_after=0, deleted=0)


@pytest.mark.parametrize("hours", [168, 1, 0.5])
def test_readers_keep_their_files_for_the_retention(lab, hours):
    """A reader that opened a version before the compaction can read it, however short of an hour the retention is."""
    reader = open_table(lab.identity("silver"), lab.lake)
    assert run(lab, "silver", hours).deleted == 0
    assert reader.query("SELECT count(*) AS n FROM t")["n"].to_pylist() == [3]


def test_files_out_of_retention_are_deleted(lab):
    """Without a retention, files that the newest version does not need are gone from the disk."""
    maintained = run(lab, "silver", 0)
    assert (maintained.files_after, maintained.deleted) == (1, 3)
    assert len(list(lab.open("silver").path.rglob("*.parquet"))) == 1
    assert [row["event_id"] for row in lab.rows("silver")] == ["a", "b", "c"]


def test_a_refresh_goes_on_after_maintenance(lab):
    """After all tables were maintained, new records are refined, and old events are still duplicates."""
    for layer in LAYERS:
        run(lab, layer, 0)
    lab.bronze({"id": "a", "at": "2026-03-01T11:00:00Z", "kind": "view"}, b"d")
    (refined,) = lab.refine()
    assert (refined.silver, refined.quarantined, refined.duplicates) == (0, 1, 1)
