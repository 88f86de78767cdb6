"""How the tables of a source stand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from streaming_assets.errors import TableError
from streaming_assets.lake import layout
from streaming_assets.layers.state import TableState, source_state, table_state


@pytest.fixture
def lab(make_lab):
    """A lab of three batches, of which two are refined."""
    lab = make_lab()
    for letter in "ab":
        lab.bronze({"id": letter, "at": "2026-03-01T11:00:00Z", "kind": "view"}, letter.encode())
        lab.refine()
    lab.bronze(None)
    return lab


def test_tables_that_do_not_exist_have_no_numbers(make_lab):
    """A source that was never refreshed has its tables by name only."""
    lab = make_lab()
    assert source_state(lab.source, lab.lake) == [TableState(table) for table in layout.tables_of(lab.source)]


def test_a_state_counts_rows_files_versions_and_batches(lab):
    """Each table tells its rows, files, version and the last batch it contains."""
    assert [(each.table.layer, each.rows, each.files, each.version, each.batch)
            for each in source_state(lab.source, lab.lake)] == [
        ("bronze", 5, 3, 3, 3),
        ("silver", 2, 2, 2, 2),
        ("quarantine", 2, 2, 2, 2),
    ]  # fmt: skip


def test_a_state_tells_size_and_time(lab):
    """The size is that of the files that the table needs, and the time that of the newest commit."""
    lab.maintain("bronze", hours=168)
    state = table_state(lab.identity("bronze"), lab.lake)
    (path,) = [file.path for file in lab.open("bronze").files()]
    assert state.bytes == (lab.open("bronze").path / path).stat().st_size
    assert timedelta(0) <= datetime.now(tz=UTC) - state.committed_at < timedelta(minutes=5)
    assert (state.rows, state.files, state.batch) == (5, 1, 3)


def test_maintenance_makes_nothing_fresh(lab):
    """The time is that of the newest commit that brought rows or a batch; merging files is none."""
    before = table_state(lab.identity("bronze"), lab.lake).committed_at
    lab.maintain("bronze")
    state = table_state(lab.identity("bronze"), lab.lake)
    assert (before, True) == (state.committed_at, state.version > 3)


def test_a_table_that_can_not_be_read_is_told(lab):
    """A log that is broken is a typed error that names the table."""
    for log in (lab.open("silver").path / "_delta_log").iterdir():
        log.write_text("{")
    with pytest.raises(TableError, match=r"shop\.silver"):
        source_state(lab.source, lab.lake)
