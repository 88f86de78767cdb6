"""Maintenance in a process of its own, beside refreshes in other ones, and killed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from streaming_assets.contract import Field, GoldTable, ScalarType
from streaming_assets.engines.embedded import EmbeddedEngine
from streaming_assets.errors import EngineError, MaintenanceEnded, SettingsError, TableError
from streaming_assets.lake import layout
from streaming_assets.lake.lock import source_lock
from streaming_assets.lake.maintenance import MERGE_FROM
from streaming_assets.lake.maintenance_process import maintain_apart
from streaming_assets.layers.verify import verify

LAYERS = ("bronze", "silver", "quarantine", "gold")

PER_MINUTE = GoldTable(
    name="per_minute",
    description="Events of each kind by minute.",
    window="1 minute",
    sql="""
        SELECT window_start, window_end, kind, count(*) AS events
        FROM silver GROUP BY window_start, window_end, kind
    """,
    columns=(
        Field(name="window_start", type=ScalarType.TIMESTAMP),
        Field(name="window_end", type=ScalarType.TIMESTAMP),
        Field(name="kind", type=ScalarType.STRING),
        Field(name="events", type=ScalarType.LONG),
    ),
    keys=("window_start", "kind"),
)

ROOT = Path(__file__).parents[2]
REFRESHES = """
import sys
from pathlib import Path
from streaming_assets.lake.lock import source_lock
from tests.lake.test_maintenance_process import PER_MINUTE
from tests.support.lab import Lab, build_source

home, first, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
lab = Lab(home, build_source(gold=(PER_MINUTE,)))
lab._next = {0: 2 * first}
for number in range(first, first + count):
    with source_lock(home, "shop", timeout=300):
        at = f"2026-03-01T{number // 60 % 24:02}:{number % 60:02}:00Z"
        lab.bronze({"id": str(number), "at": at, "kind": "view"}, b"broken")
        lab.refine()
        lab.aggregate()
print("done")
"""


@pytest.fixture
def lab(make_lab, make_source):
    """A lab with a Gold table; its tables have three files each."""
    lab = make_lab(make_source(gold=(PER_MINUTE,)))
    for number in range(3):
        lab.bronze({"id": str(number), "at": f"2026-03-01T11:{number:02}:00Z", "kind": "view"}, b"broken")
        lab.refine()
        lab.aggregate()
    return lab


def files(lab):
    tables = [("bronze",), ("silver",), ("quarantine",), ("gold", "per_minute")]
    return [len(lab.open(*table).files()) for table in tables]


def rows(lab):
    return [lab.rows(layer) for layer in LAYERS[:3]] + [lab.rows("gold", "per_minute")]


def apart(lab, **changed):
    settings = lab.settings.model_copy(update=changed)
    return list(maintain_apart(layout.tables_of(lab.source), settings, min_files=MERGE_FROM))


def faults(lab):
    return [finding for finding in verify(lab.source, lab.engine) if not finding.passed]


def test_all_tables_are_maintained(lab):
    """The process merges the files of every table and tells what it did; no row changes."""
    before = rows(lab)
    done = [outcome.done for outcome in apart(lab)]
    assert [each.table for each in done] == layout.tables_of(lab.source)
    assert [(each.files_before, each.files_after) for each in done] == [(3, 1)] * 4
    assert (rows(lab), files(lab)) == (before, [1] * 4)


def test_a_source_without_tables(make_lab):
    """Where there are no tables yet, nothing is made, and each is told to be missing."""
    lab = make_lab()
    assert [(outcome.done, outcome.error) for outcome in apart(lab)] == [(None, None)] * 3
    assert not lab.lake.exists()


@pytest.mark.parametrize("point", ["compact.begin", "compact.done", "vacuum.done"])
@pytest.mark.parametrize("table", [1, 2, 4])
def test_a_killed_maintenance_harms_nothing(lab, monkeypatch, point, table):
    """Killed at any of its points, at any table, it is told by an error, and the next one does what is left."""
    before = rows(lab)
    monkeypatch.setenv("STREAMING_ASSETS_FAULT", f"{point}@{table}=kill")
    with pytest.raises(MaintenanceEnded, match="it was ended by signal 9"):
        apart(lab, vacuum_retention_hours=0)
    monkeypatch.delenv("STREAMING_ASSETS_FAULT")
    assert (rows(lab), faults(lab)) == (before, [])
    apart(lab, vacuum_retention_hours=0)
    assert (rows(lab), faults(lab), files(lab)) == (before, [], [1] * 4)


def test_what_was_done_before_it_was_killed_is_told(lab, monkeypatch):
    """The tables that were maintained before the process was killed are told first."""
    monkeypatch.setenv("STREAMING_ASSETS_FAULT", "compact.begin@3=kill")
    outcomes = maintain_apart(layout.tables_of(lab.source), lab.settings, min_files=MERGE_FROM)
    assert [next(outcomes).table.layer for _ in range(2)] == ["bronze", "silver"]
    with pytest.raises(MaintenanceEnded):
        next(outcomes)


def test_too_much_memory_ends_it(lab):
    """A maintenance that takes more memory than it may is ended, and says which setting would give it more."""
    before = rows(lab)
    with pytest.raises(EngineError, match="Maintenance needed more memory") as caught:
        apart(lab, memory_limit_mb=10)
    assert caught.value.expected == "at most 10 MiB"
    assert "STREAMING_ASSETS_MEMORY_LIMIT_MB" in caught.value.remedy
    assert (rows(lab), faults(lab)) == (before, [])


def test_errors_come_over_as_what_they_are(lab):
    """An error of the process is of the same kind here, with all its parts; other tables are maintained."""
    (lab.open("silver").path / "_delta_log" / f"{2:020}.json").write_text("no JSON")
    outcomes = {outcome.table.layer: outcome for outcome in apart(lab)}
    assert isinstance(outcomes["silver"].error, TableError)
    assert outcomes["silver"].error.remedy
    assert [outcomes[layer].done.files_after for layer in ("bronze", "quarantine", "gold")] == [1] * 3


def test_it_ends_with_whoever_started_it(lab):
    """When the process that wants the maintenance is killed, the maintenance ends, too, though it waits for a lock."""
    program = (
        "import sys; from pathlib import Path; from streaming_assets.lake import layout, maintenance_process as m\n"
        "from streaming_assets.lake.layout import TableId; from streaming_assets.settings import load_settings\n"
        "list(m.maintain_apart([TableId('shop', 'silver')], load_settings(home=Path(sys.argv[1])), min_files=2))"
    )
    with source_lock(lab.settings.home, "shop", timeout=0):
        starter = subprocess.Popen([sys.executable, "-c", program, str(lab.settings.home)])
        gate = lab.settings.home / "locks" / "shop.gate"
        while not (children := _children(starter.pid)) or not _has_open(children[0], gate):
            time.sleep(0.05)
        starter.kill()
        starter.wait()
        while Path(f"/proc/{children[0]}").exists():
            time.sleep(0.05)


def _children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()]


def _has_open(pid, path):
    return any(link.exists() and link.resolve() == path for link in Path(f"/proc/{pid}/fd").iterdir())


def test_a_home_that_can_not_be_used_is_told(lab):
    """Where the locks can't be made, each table is told so, and nothing else happens."""
    before = files(lab)
    locks = lab.settings.home / "locks"
    locks.rmdir() if locks.is_dir() else None
    locks.write_text("no folder")
    found = {str(outcome.error) for outcome in apart(lab) if outcome.table.layer == "quarantine"}
    expected = SettingsError([]).summary
    assert (len(found), expected in found.pop(), files(lab)[2:]) == (1, True, before[2:])


@pytest.mark.long
def test_refreshes_and_maintenance_beside_each_other(make_lab, make_source):
    """While one process refreshes, others that maintain are killed at random moments: each row is there once."""
    lab = make_lab(make_source(gold=(PER_MINUTE,)))
    home, batches = lab.settings.home, 150
    program = [sys.executable, "-c", REFRESHES, str(home), "0", str(batches)]
    refreshing = subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    seed = random.randrange(10**6)  # noqa: S311 (moments of a test)
    chance, ended = random.Random(seed), []  # noqa: S311
    while refreshing.poll() is None:
        ended.append(_maintain_for(lab, chance.choice([None, chance.uniform(0.3, 3)])))
    assert refreshing.communicate()[0] == "done\n", seed
    assert {0, -9} <= set(ended), seed
    apart(lab, vacuum_retention_hours=0)
    assert [row["offset"] for row in lab.rows("bronze")] == list(range(2 * batches)), seed
    assert sorted(int(row["event_id"]) for row in lab.rows("silver")) == list(range(batches)), seed
    assert [row["offset"] for row in lab.rows("quarantine")] == list(range(1, 2 * batches, 2)), seed
    assert (faults(lab), max(files(lab)) < 20) == ([], True), seed


def _maintain_for(lab, seconds):
    """Maintain in a process, without any retention, and kill it after some seconds; return its exit code."""
    request = {
        "tables": [asdict(table) for table in layout.tables_of(lab.source)],
        "home": str(lab.settings.home),
        "lake": str(lab.lake),
        "retention_hours": 0,
        "lock_timeout": 300,
        "min_files": MERGE_FROM,
    }
    command = [sys.executable, "-m", "streaming_assets.lake.maintenance_process"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        return process.wait()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_thousands_of_small_batches(make_lab):
    """After 2,000 batches there are as few files and log entries as after 400, and the position is the last one."""
    lab = make_lab()
    counted = {}
    for number in range(2_000):
        lab.bronze({"id": str(number), "at": f"2026-03-01T11:{number % 60:02}:00Z", "kind": "view"})
        if number % 100 == 99:
            lab.refine()
        if number % 200 == 199:
            apart(lab, vacuum_retention_hours=0)
        if number % 400 == 399:
            counted[number + 1] = _sizes(lab)
    assert [len(counted), max(counted[2_000]) <= max(counted[400]) + 8] == [5, True]
    assert max(max(sizes) for sizes in counted.values()) < 40
    assert lab.open("bronze").commit_metadata()["positions"] == {"cluster/topic/0": 2_000}
    assert [row["offset"] for row in lab.rows("bronze")] == list(range(2_000))
    assert isinstance(lab.engine, EmbeddedEngine)
    assert faults(lab) == []


def _sizes(lab):
    """Count data files and log entries: of Bronze, then of Silver."""
    found = []
    for layer in ("bronze", "silver"):
        path = lab.open(layer).path
        stored = [file for file in path.rglob("*.parquet") if "_delta_log" not in file.parts]
        found += [len(stored), len(list((path / "_delta_log").iterdir()))]
    return found
