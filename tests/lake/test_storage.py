"""Storage that takes no more: a disk that is full, a folder that is read-only. Nothing is skipped, nothing there twice.

Disks and folders are real: a small file system in memory, and a second, read-only view of a folder. Only root may
mount them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from threading import Event

import pytest

from streaming_assets.cli.commands.up import programs
from streaming_assets.contract import Field, GoldTable, ScalarType
from streaming_assets.defs.instance import prepare_instance
from streaming_assets.engines.embedded.duck import connect
from streaming_assets.engines.embedded.failures import explained
from streaming_assets.errors import EngineError, SettingsError, StorageRefused
from streaming_assets.lake.order import expect_bronze_complete
from streaming_assets.layers.verify import verify
from streaming_assets.settings import load_settings

PAGE = 4096

MOUNT, UMOUNT = shutil.which("mount"), shutil.which("umount")

PER_MINUTE = GoldTable(
    name="per_minute",
    description="Events by minute and kind.",
    sql="SELECT window_start, kind, count(*) AS n FROM silver GROUP BY window_start, kind",
    columns=(
        Field(name="window_start", type=ScalarType.TIMESTAMP),
        Field(name="kind", type=ScalarType.STRING),
        Field(name="n", type=ScalarType.LONG),
    ),
    keys=("window_start", "kind"),
    window="1 minute",
)
STEPS = ("bronze", "silver", "gold")


def mount(*words):
    """Mount something, or skip the test where that is not allowed."""
    if os.geteuid() != 0 or MOUNT is None:
        pytest.skip("only root may mount the small disk, or the read-only folder, that this test needs")
    done = subprocess.run([str(MOUNT), *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


def unmount(folder):
    subprocess.run([str(UMOUNT), "--lazy", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path):
    """Makes a file system of some MiB, and returns its folder."""
    mounted = []

    def make(mebibytes):
        folder = tmp_path / "disk"
        folder.mkdir()
        mount("-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", folder)
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        unmount(folder)


def fill(disk, *, but=0):
    """Fill a disk up to some pages."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(PAGE))
        except OSError:
            pass
        file.truncate(max(0, file.tell() // PAGE - but) * PAGE)
    return ballast


def events(number):
    """An event, and a record that does not fit."""
    return [{"id": f"a{number}", "at": f"2026-03-01T11:{number:02}:00Z", "kind": "view"}, {"id": f"c{number}"}]


def step(lab, name, number):
    """Do one step of a refresh."""
    if name == "bronze":
        expect_bronze_complete(lab.source, lab.lake)
        lab.bronze(*events(number))
    elif name == "silver":
        lab.refine()
    else:
        lab.aggregate()


def refresh(lab, number):
    for name in STEPS:
        step(lab, name, number)


def prove_right(lab, records):
    """Prove that every check holds, and that no record is missing."""
    assert [finding for finding in verify(lab.source, lab.engine) if not finding.passed] == []
    assert [len(lab.rows(layer)) for layer in ("bronze", "silver", "quarantine")] == [2 * records, records, records]


@pytest.fixture
def make_small(make_lab, make_source, small_disk):
    """Makes a lab on a disk of its own with two batches in all tables."""

    def make():
        disk = small_disk(24)
        lab = make_lab(make_source(gold=(PER_MINUTE,)), home=disk)
        for number in range(2):
            refresh(lab, number)
        return lab, disk

    return make


@pytest.mark.parametrize("name", STEPS)
def test_a_full_disk_stops_a_refresh_and_loses_nothing(make_small, name):
    """Whether no page is free, or so few that data fits and the commit does not: the error says so; then it goes on."""
    lab, disk = make_small()
    offsets = dict(lab._next)
    for before in STEPS[: STEPS.index(name)]:
        step(lab, before, 2)
    refused = []
    for pages in (0, 1, 2, 3, 4, 6, 8, 12):
        ballast = fill(disk, but=pages)
        try:
            if name == "bronze":
                lab._next = dict(offsets)
            step(lab, name, 2)
        except StorageRefused as error:
            refused.append(error)
        else:
            break
        finally:
            ballast.unlink()
    assert refused
    for error in refused:
        assert "is full" in error.summary
        assert "No space left on device" in error.found
        assert "MiB are free" in error.found
        assert error.remedy == (
            "make room there, then run `streaming-assets refresh shop`: it goes on after the last commit"
        )
    if lab.open("bronze").batch < 3:
        lab._next = dict(offsets)
        lab.bronze(*events(2))
    refresh(lab, 3)
    prove_right(lab, 4)


def test_a_full_disk_below_a_query_is_told(make_source, small_disk):
    """A query that spills to a full disk ends in an error that names the space; with room it goes on."""
    disk = small_disk(32)
    settings = load_settings(home=disk, memory_limit_mb=256, threads=1)
    large = "CREATE OR REPLACE TEMP TABLE large AS SELECT md5(i::VARCHAR) AS text FROM range(10_000_000) t(i)"
    connection = connect(settings, b"key")
    with (
        pytest.raises(EngineError, match="ran out of memory or disk space while working on shop") as raised,
        explained(make_source()),
    ):
        connection.execute(large)
    assert raised.value.remedy.endswith("then run `streaming-assets refresh shop`")
    connection.close()
    mount("-o", "remount,size=2g", disk)
    connection = connect(settings, b"key")
    connection.execute(large)
    assert connection.sql("SELECT count(*) FROM large").fetchall() == [(10_000_000,)]
    connection.close()


def test_a_full_disk_below_dagster_is_told(small_disk, monkeypatch):
    """Where Dagster's home can't be prepared, the start says so, and leaves no half-written file to be kept."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    disk = small_disk(1)
    settings = load_settings(home=disk)
    (disk / "dagster").mkdir()
    ballast = fill(disk)
    with pytest.raises(SettingsError, match="No space left on device"), programs(settings, None, Event()):
        pass
    assert list((disk / "dagster").iterdir()) == []
    ballast.unlink()
    assert (prepare_instance(settings) / "dagster.yaml").stat().st_size > 0


@pytest.fixture
def read_only():
    """Makes a folder read-only, and writable again."""
    mounted = []

    def make(folder):
        mount("--bind", folder, folder)
        mounted.append(folder)
        mount("-o", "remount,ro,bind", folder)

    def end():
        while mounted:
            unmount(mounted.pop())

    yield make, end
    end()


@pytest.mark.parametrize("name", STEPS)
def test_a_read_only_folder_stops_a_refresh_and_loses_nothing(make_lab, make_source, tmp_path, read_only, name):
    """A table in a folder that can't be written stops the refresh with an error that says so; then it goes on."""
    make, end = read_only
    lab = make_lab(make_source(gold=(PER_MINUTE,)), home=tmp_path / "home")
    refresh(lab, 0)
    offsets = dict(lab._next)
    for before in STEPS[: STEPS.index(name)]:
        step(lab, before, 1)
    make(lab.lake)
    with pytest.raises(StorageRefused) as raised:
        step(lab, name, 1)
    assert "is read-only" in raised.value.summary
    assert "Read-only file system" in raised.value.found
    assert "let this user write there" in raised.value.remedy
    end()
    if name == "bronze":
        lab._next = offsets
        lab.bronze(*events(1))
    refresh(lab, 2)
    prove_right(lab, 3)


def test_a_new_table_in_a_read_only_folder_is_told(make_lab, make_source, tmp_path, read_only):
    """A table that can't even be made is told by the same error."""
    make, end = read_only
    lab = make_lab(make_source(), home=tmp_path / "home")
    lab.lake.mkdir(parents=True)
    make(lab.lake)
    with pytest.raises(StorageRefused, match=r"storage of table shop\.bronze is read-only"):
        lab.bronze(*events(0))
    end()
    lab.bronze(*events(0))


def test_a_folder_of_somebody_else_is_told(make_lab, make_source, tmp_path):
    """A user who may not write the folder is told so."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    lab = make_lab(make_source(gold=(PER_MINUTE,)), home=tmp_path / "home")
    refresh(lab, 0)
    shared = Path(tempfile.gettempdir()).resolve()
    for above in (tmp_path, *tmp_path.parents):  # of which only the owner may enter pytest's own
        if shared in above.parents:
            above.chmod(above.stat().st_mode | 0o055)
    code = textwrap.dedent(
        """
        import os, sys
        from pathlib import Path
        import pyarrow
        from streaming_assets.errors import StorageRefused
        from streaming_assets.lake.layout import TableId
        from streaming_assets.lake.opening import open_ours
        os.setuid(65534)
        table = open_ours(TableId("shop", "silver"), Path(sys.argv[1]))
        try:
            table.append(table.arrow_schema().empty_table(), batch=9, metadata={})
        except StorageRefused as error:
            print(error.summary, error.found)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(lab.lake)], capture_output=True, text=True, check=False, cwd="/"
    )
    assert "The storage of table shop.silver is not open to this user." in done.stdout
    assert "Permission denied" in done.stdout
    refresh(lab, 1)
    prove_right(lab, 2)
