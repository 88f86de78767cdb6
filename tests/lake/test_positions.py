"""The position of a source, in Bronze's own commits."""

from __future__ import annotations

import pytest
from deltalake import DeltaTable, write_deltalake

from streaming_assets.lake.positions import START, Position, read_position


@pytest.fixture
def lab(make_lab):
    """A lab whose Bronze has three batches of two partitions, with a gap before the end of one."""
    lab = make_lab()
    for offset in range(3):
        lab.bronze(*[lab.record(b"x", partition=partition, offset=offset * 10) for partition in (0, 3)])
    return lab


POSITION = Position({0: 21, 3: 21}, "cluster", "topic")
RECOMPUTED = Position({0: 21, 3: 21})


def position(lab):
    return read_position(lab.open("bronze"))


def foreign_commit(lab):
    """Append a row in a commit that records nothing."""
    table = lab.open("bronze")
    row = {**lab.rows("bronze")[0], "offset": 40}
    lab.plant("bronze", [row])
    assert lab.open("bronze").version == table.version + 1


def test_an_empty_table_starts_at_nothing(make_lab):
    """Before the first batch there is no position."""
    assert position(make_lab()) == START


def test_a_position_is_recorded_with_its_rows(lab):
    """The position is the one of the newest batch, with the ids of cluster and topic."""
    assert position(lab) == POSITION


@pytest.mark.parametrize(
    "written",
    [POSITION, Position({7: 2**63 - 1}, "MkU3OEVBNTcwNTJENDM2Qg", "a-b_c"), Position({0: 0}, "with/slash", "t")],
)
def test_a_position_is_read_as_it_was_written(make_lab, written):
    """Offsets and ids of any shape survive the commit."""
    table = make_lab().open("bronze")
    table.append(table.arrow_schema().empty_table(), batch=1, metadata={"positions": written.encode()})
    assert written == position(make_lab())


def test_the_first_offsets_are_recorded_beside_the_next(make_lab):
    """Where Bronze was filled from is read as it was written, through compaction, too."""
    lab, written = make_lab(), Position({0: 9, 1: 5}, "cluster", "topic", {0: 3, 1: 0})
    for batch in (1, 2):
        table = lab.open("bronze")
        table.append(table.arrow_schema().empty_table(), batch=batch, metadata=written.metadata())
    assert written == position(lab)
    lab.maintain("bronze")
    assert written == position(lab)


def test_a_position_names_cluster_topic_and_partition():
    """In a commit, each next offset stands under cluster id, topic id and partition."""
    assert POSITION.encode() == {"cluster/topic/0": 21, "cluster/topic/3": 21}


def test_a_foreign_commit_does_not_hide_the_position(lab):
    """Where somebody else committed last, the position is still the one that was recorded, not that of the rows."""
    foreign_commit(lab)
    assert position(lab) == POSITION


@pytest.mark.parametrize("hours", [0, 168])
def test_maintenance_keeps_the_position(lab, hours):
    """Compaction and vacuum leave the position in the newest commit."""
    lab.maintain("bronze", hours=hours)
    assert position(lab) == POSITION
    assert lab.open("bronze")._delta.history(1)[0]["operation"] != "WRITE"


def test_an_overtaken_compaction_does_not_turn_the_position_back(lab):
    """Where a batch came while files were merged, the position is that batch's."""
    maintainer = lab.open("bronze")
    lab.bronze(lab.record(b"y", partition=0, offset=30))
    maintainer.compact(metadata=maintainer.commit_metadata())
    assert position(lab) == Position({0: 31, 3: 21}, "cluster", "topic")


def forget(lab):
    """Make a checkpoint and delete the log before it, as a table's log retention does."""
    table = lab.open("bronze")
    delta = DeltaTable(str(table.path))
    delta.alter.set_table_properties({"delta.logRetentionDuration": "interval 0 days"})
    delta = DeltaTable(str(table.path))
    delta.create_checkpoint()
    delta.cleanup_metadata()
    remaining = sorted(path.name for path in (table.path / "_delta_log").glob("*.json"))
    assert remaining == [f"{delta.version():020}.json"]


def test_a_forgotten_position_is_computed_from_the_rows(lab):
    """Where the log no longer tells, next offsets follow from the rows, and the ids are not known."""
    forget(lab)
    assert (position(lab), lab.open("bronze").batch) == (RECOMPUTED, 3)


def test_a_foreign_commit_over_a_forgotten_one(lab):
    """Where the log tells of foreign commits only, the position is that of the rows, foreign ones included."""
    foreign_commit(lab)
    forget(lab)
    assert position(lab) == Position({0: 41, 3: 21})


def test_a_forgotten_position_is_recorded_again(lab):
    """The next batch after a forgotten position records one."""
    forget(lab)
    lab.bronze(lab.record(b"y", partition=0))
    assert position(lab) == Position({0: 22, 3: 21}, "cluster", "topic")


def test_a_foreign_overwrite_does_not_move_the_position(lab):
    """Where somebody deleted rows, the position stays: they are not read again."""
    table = lab.open("bronze")
    write_deltalake(str(table.path), table.arrow_schema().empty_table(), mode="overwrite")
    assert position(lab) == POSITION
