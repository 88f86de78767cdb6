"""`maintain`: what it does to the tables, and what it tells of it."""

from __future__ import annotations

import json

import pytest
from deltalake import DeltaTable

pytestmark = pytest.mark.broker

EVENT = b'{"timestamp":"2024-05-01T10:0%d:00Z","event":"join","user_id":"ada","video_id":"v1","id":"%d"}'
SOURCE = "user_interactions"


@pytest.fixture(scope="module")
def refreshed(filled_once):
    """A command line with tables that three refreshes have filled."""
    for number in range(3):
        file = filled_once.folder / f"{number}.ndjson"
        file.write_bytes(EVENT % (number, number))
        filled_once.ok("produce", SOURCE, "--replay", file)
        filled_once.ok("refresh", SOURCE)
    return filled_once


@pytest.fixture
def filled(refreshed, copy_of):
    """The same with tables of its own."""
    return copy_of(refreshed)


def files(line, table):
    return len(DeltaTable(str(line.lake / SOURCE / table)).file_uris())


@pytest.mark.long
def test_maintain_merges_files_and_says_so(filled):
    """A person sees the files before and after; everything holds, and the next refresh finds nothing new."""
    before = filled.rows(f"{SOURCE}/silver")
    shown = filled.ok("maintain", SOURCE)
    _title, heading, *rows = [line.split() for line in shown.splitlines() if line.split() and "─" not in line]
    bronze = next(row for row in rows if row[0] == "bronze")
    assert " ".join(heading) == "table files size files deleted log entries"
    assert bronze[1:4] == ["3", "→", "1"]
    assert max(map(len, shown.splitlines())) <= 80
    assert files(filled, "bronze") == 1
    assert sorted(map(str, before)) == sorted(map(str, filled.rows(f"{SOURCE}/silver")))
    assert filled.json("verify", SOURCE)["passed"] is True
    assert filled.json("refresh", SOURCE)[0]["commits"] == 0


def test_maintain_tells_programs(filled):
    """With `--json` each table is an object with its numbers."""
    told = {each["table"]: each for each in filled.json("maintain", SOURCE)}
    assert list(told)[:3] == [f"{SOURCE}.{layer}" for layer in ("bronze", "silver", "quarantine")]
    numbers = [told[f"{SOURCE}.bronze"][name] for name in ("files_before", "files_after", "deleted", "log_deleted")]
    assert (numbers, told[f"{SOURCE}.bronze"]["error"]) == ([3, 1, 0, 0], None)
    again = {each["table"]: each for each in filled.json("maintain", SOURCE)}
    assert [each["files_before"] for each in again.values()] == [each["files_after"] for each in told.values()]


def test_a_killed_maintenance_is_told(filled):
    """Where its process is killed, the command fails with an error that says that nothing was harmed."""
    done = filled.run("maintain", SOURCE, STREAMING_ASSETS_FAULT="compact.begin=kill")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "MaintenanceEnded" in done.stderr
    assert "ended by signal 9" in done.stderr
    assert filled.json("verify", SOURCE)["passed"] is True


@pytest.mark.long
def test_a_table_that_others_changed_is_told_and_left_alone(filled):
    """It costs no other table its maintenance, and the exit code and the document tell of it, as does the error."""
    DeltaTable(str(filled.lake / SOURCE / "bronze")).delete('"offset" = 1')
    done = filled.run("maintain", SOURCE, "--json")
    assert (done.returncode, "ForeignWrite" in done.stderr, "Traceback" in done.stderr) == (1, True, False)
    changed, *others = json.loads(done.stdout)
    assert (changed["table"], changed["postponed"], "files_after" in changed) == (f"{SOURCE}.bronze", False, False)
    assert f"`streaming-assets refresh {SOURCE} --undo-foreign-writes`" in changed["error"]
    assert {each["error"] for each in others} == {None}
    filled.ok("refresh", SOURCE, "--undo-foreign-writes")
    assert {each["error"] for each in filled.json("maintain", SOURCE)} == {None}


def test_a_retention_of_nothing_is_refused(offline):
    """A retention in which a reader could lose the files it reads is refused, and it is said why."""
    done = offline.run("maintain", STREAMING_ASSETS_VACUUM_RETENTION_HOURS="0")
    text = " ".join(done.stderr.translate(dict.fromkeys(map(ord, "╭─╮│╰╯"), " ")).split())
    assert done.returncode == 1
    assert "1 hour or more: whoever reads a table needs the files of the version that it opened" in text


def test_tables_that_do_not_exist_are_no_error(offline):
    """Before anything was refreshed there is nothing to maintain, which is said, and nothing is made."""
    assert {each["error"] for each in offline.json("maintain")} == {None}
    told = offline.run("maintain", "github_events")
    assert (told.returncode, told.stdout) == (0, "")
    assert "github_events has no tables yet; `streaming-assets refresh github_events` makes them" in told.stderr
    assert not offline.lake.exists()


def test_one_cause_is_told_once(offline):
    """A home that can't be used fails every table of every source, and is told once."""
    (offline.folder / "file").touch()
    told = offline.fails("maintain", STREAMING_ASSETS_HOME=str(offline.folder / "file" / "home"))
    assert told.count("STREAMING_ASSETS_HOME") == 1
