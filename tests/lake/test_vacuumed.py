"""Readers whose files are deleted while they read: they read the newest version, or say why they stop."""

from __future__ import annotations

import pytest

from streaming_assets.contract import Chart, Field, GoldTable, ScalarType
from streaming_assets.errors import FileDamaged, VersionVacuumed
from streaming_assets.lake.reader import read_chart, source_position
from streaming_assets.lake.snapshot import Snapshot
from streaming_assets.layers.quarantine import quarantine_state
from streaming_assets.layers.verify import verify

SUMS = GoldTable(
    name="sums",
    description="Amounts by user.",
    per="user",
    sql="SELECT user, sum(amount) AS amount FROM silver GROUP BY user",
    columns=(Field(name="user", type=ScalarType.STRING), Field(name="amount", type=ScalarType.LONG, required=False)),
    keys=("user",),
)
BARS = Chart(kind="bar", title="Sums", x="user", y="amount")


@pytest.fixture
def lab(make_lab, make_source):
    """A lab whose tables have several files each."""
    lab = make_lab(make_source(gold=(SUMS,)))
    for number in range(3):
        event = {"id": str(number), "at": f"2026-03-01T11:0{number}:00Z", "kind": "a", "user": f"u{number}"}
        lab.bronze({**event, "amount": number}, b"rubbish")
        lab.refine()
        lab.aggregate()
    return lab


def rewrite(lab, layer, table):
    rows = lab.rows(layer, table)
    lab.open(layer, table)._delta.delete()
    lab.plant(layer, rows, table)


@pytest.fixture
def vacuumed(lab, monkeypatch):
    """Lets a table be merged and vacuumed before its next queries, or after its files were listed, while it is open."""

    def arrange(layer, method="query", times=1):
        table, plain = lab.identity(layer, SUMS.name if layer == "gold" else None), getattr(Snapshot, method)
        left = [True] * times

        def disturbed(self, *args, **how):
            listed = plain(self, *args, **how) if method == "files" else None
            if self.id == table and left and left.pop():
                monkeypatch.setattr(Snapshot, method, plain)
                if method == "query":
                    rewrite(lab, layer, table.table)  # as a stranger, whose table maintenance leaves alone
                    assert lab.open(layer, table.table).vacuum(retention_hours=0)
                else:
                    assert lab.maintain(table.layer, table.table).deleted > 0
                monkeypatch.setattr(Snapshot, method, disturbed)
            return plain(self, *args, **how) if listed is None else listed

        monkeypatch.setattr(Snapshot, method, disturbed)

    return arrange


def chart(lab):
    return read_chart(lab.source, SUMS, BARS, lab.lake).rows.to_pylist()


def held(lab):
    return quarantine_state(lab.source, lab.lake)


def position(lab):
    return source_position(lab.source, lab.lake).next_offsets


READERS = pytest.mark.parametrize(("layer", "read"), [("gold", chart), ("quarantine", held), ("bronze", position)])


@READERS
def test_a_reader_goes_on_with_the_newest_version(lab, vacuumed, monkeypatch, layer, read):
    """Rewritten and vacuumed between opening and query, a table is opened again, and the answer is the same."""
    monkeypatch.setattr(Snapshot, "commit_metadata", lambda _self: None)  # so that a position is read from rows, too
    expected = read(lab)
    vacuumed(layer)
    assert read(lab) == expected


@READERS
def test_a_reader_that_is_too_slow_again_stops(lab, vacuumed, monkeypatch, layer, read):
    """Where that happens twice, the error says that the table is whole and names the setting."""
    monkeypatch.setattr(Snapshot, "commit_metadata", lambda _self: None)
    vacuumed(layer, times=2)
    with pytest.raises(VersionVacuumed, match=r"the table is whole[\s\S]*STREAMING_ASSETS_VACUUM_RETENTION_HOURS"):
        read(lab)


def audited(lab):
    return lab.engine.audit_counts(lab.source)


def recomputed(lab):
    return lab.engine.aggregate(lab.source, SUMS, rebuild=True)


def refined(lab):
    return lab.refine()


@pytest.mark.parametrize(
    ("layer", "work"), [("bronze", audited), ("silver", audited), ("silver", recomputed), ("bronze", refined)]
)
def test_work_that_lost_its_files_stops_and_can_be_done_again(lab, vacuumed, layer, work):
    """Files that are vacuumed too early end `verify`, a recompute and a refresh; run again, they are right."""
    lab.bronze({"id": "9", "at": "2026-03-01T11:09:00Z", "kind": "a", "user": "u9", "amount": 9})
    vacuumed(layer, "files")
    with pytest.raises(VersionVacuumed, match=rf"Table shop\.{layer} was read for longer"):
        work(lab)
    work(lab)
    lab.refine()
    lab.aggregate()
    assert [finding.table for finding in verify(lab.source, lab.engine) if not finding.passed] == []
    assert sorted(row["amount"] for row in lab.rows("gold", SUMS.name)) == [0, 1, 2, 9]


def test_a_file_that_the_newest_version_needs_is_damage(lab):
    """A file that is gone, and that no other version replaces, is told as such, as before."""
    for file in lab.open("gold", SUMS.name).path.glob("*.parquet"):
        file.unlink()
    with pytest.raises(FileDamaged):
        chart(lab)
