"""Compaction, vacuum and the cleaning of logs."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from streaming_assets.errors import ConcurrentWrite, TableError
from streaming_assets.lake import layout
from streaming_assets.lake.compaction import MERGE_FROM, MERGE_FROM_BESIDE_REFRESH, is_worth_it, merge_files
from streaming_assets.lake.lock import source_lock
from streaming_assets.lake.log import log_entries
from streaming_assets.lake.maintenance import is_due, maintain_source
from streaming_assets.lake.opening import open_table
from streaming_assets.lake.positions import read_position

LAYERS = ("bronze", "silver", "quarantine")
HOUR = 3_600


@pytest.fixture
def lab(make_lab):
    """A lab whose tables have three files each."""
    lab = make_lab()
    fill(lab, "abc")
    return lab


def fill(lab, letters, day=1, month=3):
    for letter in letters:
        lab.bronze({"id": letter, "at": f"2026-{month:02}-{day:02}T11:00:00Z", "kind": "view"}, letter.encode())
        lab.refine()


def run(lab, layer, hours, **how):
    return lab.maintain(layer, hours=hours, **how)


def counts(maintained):
    return maintained.files_before, maintained.files_after, maintained.deleted


def age(folder, hours):
    """Let all files below a folder be older than they are."""
    for path in folder.rglob("*"):
        then = path.stat().st_mtime - hours * HOUR
        os.utime(path, (then, then))


def told(lab, layer):
    """What must not change: rows, batch, and what was recorded with the batch."""
    return lab.rows(layer), lab.open(layer).batch, lab.open(layer).commit_metadata()


@pytest.mark.parametrize("layer", LAYERS)
def test_files_are_merged_and_nothing_else_changes(lab, layer):
    """Three files become one; rows, batch and recorded metadata stay."""
    before = told(lab, layer)
    assert counts(run(lab, layer, 168)) == (3, 1, 0)
    assert before == told(lab, layer)


def test_a_merge_repeats_the_newest_batch_that_the_table_has(lab):
    """After a refresh between the merges of two partitions, the next merges repeat what that refresh recorded."""
    fill(lab, "def", month=2)
    fill(lab, "ghi", month=1)
    silver = lab.open("silver")
    merging = merge_files(silver, min_files=MERGE_FROM)
    assert next(merging) == {"event_date": "2026-01-01"}
    fill(lab, "j", day=2)
    assert len(list(merging)) == 2
    (newest,) = silver._delta.history(1)
    assert (newest["operation"], json.loads(newest["userMetadata"])) == ("OPTIMIZE", silver.commit_metadata())
    assert silver.commit_metadata()["batch"] == silver.batch


@pytest.mark.parametrize("layer", LAYERS)
def test_a_table_of_one_file_is_left_alone(lab, layer):
    """Where there is nothing to merge, and nothing to delete, no commit is made."""
    run(lab, layer, 168)
    before = lab.open(layer).version
    assert counts(run(lab, layer, 168)) == (1, 1, 0)
    assert before == lab.open(layer).version


def test_an_empty_table_is_left_alone(make_lab):
    """A table without files, and one that does not exist, have nothing to maintain."""
    lab = make_lab()
    assert run(lab, "bronze", 0) is None
    lab.open("bronze")
    assert counts(run(lab, "bronze", 0)) == (0, 0, 0)


@pytest.mark.parametrize("hours", [168, 1, 0.5])
def test_readers_keep_their_files_for_the_retention(lab, hours):
    """A reader that opened a version before the compaction can read it, however short of an hour the retention is."""
    reader = open_table(lab.identity("silver"), lab.lake)
    assert run(lab, "silver", hours).deleted == 0
    assert reader.query("SELECT count(*) AS n FROM t")["n"].to_pylist() == [3]


def test_files_out_of_retention_are_deleted(lab):
    """Without a retention, files that the newest version does not need are gone from the disk."""
    assert counts(run(lab, "silver", 0)) == (3, 1, 3)
    assert len([path for path in lab.open("silver").path.rglob("*.parquet") if "_delta_log" not in path.parts]) == 1
    assert [row["event_id"] for row in lab.rows("silver")] == ["a", "b", "c"]


def test_a_refresh_goes_on_after_maintenance(lab):
    """After all tables were maintained, new records are refined, and old events are still duplicates."""
    for layer in LAYERS:
        run(lab, layer, 0)
    lab.bronze({"id": "a", "at": "2026-03-01T11:00:00Z", "kind": "view"}, b"d")
    (refined,) = lab.refine()
    assert (refined.silver, refined.quarantined, refined.duplicates) == (0, 1, 1)


# Which files are merged.


def test_few_files_are_not_worth_a_merge_beside_a_refresh(lab):
    """Below the number of files that is asked for nothing is merged, and from it on everything of that size."""
    fill(lab, "defg")
    assert counts(run(lab, "silver", 1, min_files=MERGE_FROM_BESIDE_REFRESH)) == (7, 7, 0)
    assert not is_due([lab.identity("silver")], lab.lake)
    fill(lab, "h")
    assert is_due([lab.identity("silver")], lab.lake)
    assert counts(run(lab, "silver", 1, min_files=MERGE_FROM_BESIDE_REFRESH)) == (8, 1, 0)


def test_only_the_day_that_has_many_files_is_merged(lab):
    """A partition is merged by itself: the files of another day stay what they are."""
    fill(lab, "de", day=2)
    fill(lab, "fghij")
    other_day = {file.path for file in lab.open("silver").files() if "2026-03-02" in file.path}
    assert counts(run(lab, "silver", 1, min_files=MERGE_FROM_BESIDE_REFRESH)) == (10, 3, 0)
    assert len(other_day) == 2
    assert other_day < {file.path for file in lab.open("silver").files()}


def test_a_day_that_got_no_file_for_long_is_merged_once(lab):
    """Two files of a settled day are worth a merge; when that is done there is nothing left to do."""
    silver, later = lab.open("silver"), datetime.now(tz=UTC) + timedelta(minutes=11)
    assert not is_worth_it(silver, min_files=MERGE_FROM_BESIDE_REFRESH)
    assert is_worth_it(silver, min_files=MERGE_FROM_BESIDE_REFRESH, now=later)
    merging = merge_files(silver, min_files=MERGE_FROM_BESIDE_REFRESH, now=later)
    assert list(merging) == [{"event_date": "2026-03-01"}]
    assert len(silver.files()) == 1
    assert not is_worth_it(silver, min_files=MERGE_FROM, now=later + timedelta(days=2))


def test_a_settled_partition_is_merged_through_all_sizes_at_once(make_lab):
    """What merging small files makes is merged with the larger ones that lie there, though that file is new."""
    lab, chance = make_lab(), random.Random(1)  # noqa: S311 (made-up bytes)
    for count in (20_000, 9_000, 9_000, 9_000):
        lab.bronze(chance.randbytes(count))
    bronze = lab.open("bronze")
    later = datetime.now(tz=UTC) + timedelta(minutes=11)
    merges = list(merge_files(bronze, min_files=MERGE_FROM_BESIDE_REFRESH, now=later))
    assert len(merges) == 2
    assert len(bronze.files()) == 1


def test_a_row_is_rewritten_a_few_times_only(make_lab):
    """Of 256 batches, maintained after every eighth, the oldest row was in few files, and few files are left."""
    lab, chance = make_lab(), random.Random(1)  # noqa: S311 (made-up bytes)
    homes = []
    for number in range(256):
        lab.bronze(chance.randbytes(3_000))
        if number % 8 == 7:
            run(lab, "bronze", 0, min_files=MERGE_FROM_BESIDE_REFRESH)
            homes += [file.path for file in lab.open("bronze").files() if file.low["batch"] == 1]
    assert len(homes) == 32
    assert len(set(homes)) <= 6
    assert len(lab.open("bronze").files()) <= 2 * MERGE_FROM_BESIDE_REFRESH
    assert [row["offset"] for row in lab.rows("bronze")] == list(range(256))


# What must not be deleted.


def test_a_file_that_is_about_to_be_committed_stays(lab):
    """A data file that no commit names, as another writer has just written it, is not deleted before the retention."""
    file = lab.open("silver").path / "event_date=2026-03-01" / "part-new.parquet"
    file.write_bytes(b"being written")
    assert run(lab, "silver", 1).deleted == 0
    assert file.exists()
    then = time.time() - 2 * HOUR
    os.utime(file, (then, then))
    assert run(lab, "silver", 1).deleted == 1
    assert not file.exists()


def test_a_rebuild_that_has_begun_stays(lab):
    """What lies beside the tables of a source, as a staged rebuild does, is none of maintenance's business."""
    staged = lab.open("silver").path.parent / "_rebuild" / "shop" / "silver" / "part-0.parquet"
    staged.parent.mkdir(parents=True)
    staged.write_bytes(b"staged")
    age(staged.parent, 1000)
    for layer in LAYERS:
        run(lab, layer, 0)
    assert staged.exists()


def test_checkpoints_name_removed_files_as_long_as_vacuum_keeps_them(lab):
    """Removed files stand in the log for the retention: else vacuum deletes too early, or the log grows."""
    run(lab, "silver", 5)
    properties = DeltaTable(str(lab.open("silver").path)).metadata().configuration
    assert properties["delta.deletedFileRetentionDuration"] == "interval 5 hours"


# The log.


@pytest.fixture
def long_log(make_lab):
    """A lab whose Bronze has forty commits."""
    lab = make_lab()
    for number in range(40):
        lab.bronze(str(number).encode())
    return lab


def entries(lab, layer="bronze"):
    return sorted(path.name for path in (lab.open(layer).path / "_delta_log").glob("*.json"))


def test_a_log_is_cleaned_and_the_position_stays(long_log):
    """Old entries are deleted; position, batch and rows are what they were, and the next batch is committed."""
    before = (told(long_log, "bronze"), read_position(long_log.open("bronze")))
    age(long_log.open("bronze").path, 3)
    maintained = run(long_log, "bronze", 2, min_files=MERGE_FROM_BESIDE_REFRESH * 100)
    assert maintained.log_deleted > 30
    assert maintained.log_entries == log_entries(long_log.open("bronze").path) < 15
    assert before == (told(long_log, "bronze"), read_position(long_log.open("bronze")))
    assert long_log.bronze(b"next") == 41
    assert read_position(long_log.open("bronze")).next_offsets == {0: 41}


def test_entries_inside_the_retention_stay(long_log):
    """Every version that is younger than the retention can still be opened."""
    run(long_log, "bronze", 1)
    assert [DeltaTable(str(long_log.open("bronze").path), version=each).version() for each in range(41)] == [*range(41)]


def test_the_entry_with_the_position_is_kept(long_log):
    """However many commits of others and checkpoints came after it, the newest batch's own entry is not deleted."""
    bronze = long_log.open("bronze")
    before = read_position(bronze)
    for number in range(30):
        DeltaTable(str(bronze.path)).alter.set_table_properties(
            {"delta.logRetentionDuration": f"interval {number} days"}
        )
    DeltaTable(str(bronze.path)).create_checkpoint()
    age(bronze.path, 3)
    run(long_log, "bronze", 1)
    assert f"{40:020}.json" in entries(long_log)
    assert (before, before.topic_id) == (read_position(long_log.open("bronze")), "topic")


def test_entries_that_a_new_checkpoint_stands_for_are_kept_for_a_while(long_log):
    """Who has just read which checkpoint is the newest can use it: a newer one replaces it after the retention only."""
    path = long_log.open("bronze").path
    age(path, 3)
    DeltaTable(str(path)).create_checkpoint()
    run(long_log, "bronze", 1)
    checkpoints = sorted(path.name for path in (path / "_delta_log").glob("*.checkpoint.parquet"))
    assert checkpoints == [f"{39:020}.checkpoint.parquet", f"{40:020}.checkpoint.parquet"]


def test_nothing_is_deleted_for_a_checkpoint_that_can_not_be_read(long_log):
    """Where the checkpoint that would stand for the entries is broken, they stay: the table can be mended by them."""
    path = long_log.open("bronze").path
    broken = path / "_delta_log" / f"{39:020}.checkpoint.parquet"
    whole = broken.read_bytes()
    broken.write_bytes(b"broken")
    (path / "_delta_log" / "_last_checkpoint").unlink()
    age(path, 3)
    with pytest.raises(TableError):
        run(long_log, "bronze", 1)
    broken.write_bytes(whole)
    assert len(entries(long_log)) >= 41


def test_a_checkpoint_that_no_writer_made_is_made(make_lab):
    """Where a hundred commits have no checkpoint, as by a property that somebody set, maintenance writes one."""
    lab = make_lab()
    path = lab.open("bronze").path
    DeltaTable(str(path)).alter.set_table_properties({"delta.checkpointInterval": "100000"})
    for number in range(100):
        lab.bronze(str(number).encode())
    assert list((path / "_delta_log").glob("*.checkpoint.parquet")) == []
    run(lab, "bronze", 1)
    assert len(list((path / "_delta_log").glob("*.checkpoint.parquet"))) == 1
    assert [row["offset"] for row in lab.rows("bronze")] == list(range(100))


# Beside a refresh.


def beside(lab, **how) -> Iterator:
    how = {"retention_hours": 1, "lock_timeout": 0, "min_files": MERGE_FROM, **how}
    return maintain_source(layout.tables_of(lab.source), lab.settings.home, lab.lake, **how)


def test_tables_that_only_grow_are_merged_while_a_refresh_runs(lab):
    """While a refresh holds the source, Bronze and Silver are merged, and all else is left for the next time."""
    with source_lock(lab.settings.home, "shop", timeout=0):
        outcomes = list(beside(lab))
    assert [(each.table.layer, each.postponed) for each in outcomes] == [(layer, True) for layer in LAYERS]
    assert [len(lab.open(layer).files()) for layer in LAYERS] == [1, 1, 3]
    assert [each.done.files_after for each in beside(lab)] == [1, 1, 1]


@pytest.mark.parametrize("layer", ["bronze", "silver"])
def test_a_commit_goes_together_with_a_merge(lab, layer):
    """A writer that opened a table before its files were merged commits its batch all the same, once."""
    writer = lab.open(layer)
    before = lab.rows(layer)
    assert list(merge_files(lab.open(layer), min_files=MERGE_FROM))
    batch = writer.batch + 1
    writer.append(writer.arrow_schema().empty_table(), batch=batch, metadata={"batch": batch})
    assert (lab.rows(layer), lab.open(layer).batch) == (before, batch)


def test_a_table_replaced_as_a_whole_keeps_no_merged_rows(lab):
    """A writer that replaces all rows, but has not seen a merge, is refused: else the merged rows would stay."""
    writer = lab.open("silver")
    rows = pa.Table.from_pylist(lab.rows("silver"), schema=writer.arrow_schema())
    assert list(merge_files(lab.open("silver"), min_files=MERGE_FROM))
    with pytest.raises(ConcurrentWrite):
        writer.replace(rows, where=None, batch=writer.batch + 1, metadata={})
    assert [row["event_id"] for row in lab.rows("silver")] == ["a", "b", "c"]


def test_a_table_that_can_not_be_read_costs_no_other_one(lab):
    """A table whose log is broken is told, and the others are maintained."""
    (lab.open("silver").path / "_delta_log" / f"{3:020}.json").write_text("no JSON")
    outcomes = {each.table.layer: each for each in beside(lab)}
    assert isinstance(outcomes["silver"].error, TableError)
    assert not outcomes["silver"].postponed
    assert [outcomes[layer].done.files_after for layer in ("bronze", "quarantine")] == [1, 1]
