"""One refresh per source and machine."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from streaming_assets.errors import SettingsError, TableBusy
from streaming_assets.lake.lock import source_lock

HOLDER = """
import sys, time
from pathlib import Path
from streaming_assets.lake.lock import source_lock
with source_lock(Path(sys.argv[1]), sys.argv[2], timeout=0):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold(tmp_path):
    """Starts a process that holds a source's lock until its input ends."""
    started = []

    def start(source="shop"):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path), source],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            stream.close()


def test_another_process_is_kept_out(hold, tmp_path):
    """While one process holds a source's lock, another is told so and changes nothing."""
    hold()
    with pytest.raises(TableBusy, match="Another process is working on shop"), source_lock(tmp_path, "shop", timeout=0):
        pytest.fail("two processes hold one lock")


def test_sources_have_locks_of_their_own(hold, tmp_path):
    """A source is not kept out by another one's refresh."""
    hold("other")
    with source_lock(tmp_path, "shop", timeout=0):
        pass


def test_a_waiting_process_says_so_and_goes_on(hold, tmp_path):
    """Who finds the lock held is told once, waits, and has it when the other process ends."""
    process = hold()
    told = []

    def end_the_other():
        told.append("waiting")
        process.stdin.close()

    with source_lock(tmp_path, "shop", timeout=60, on_wait=end_the_other):
        assert told == ["waiting"]


def test_a_killed_process_holds_nothing(hold, tmp_path):
    """The lock of a process that was killed is free."""
    process = hold()
    process.send_signal(signal.SIGKILL)
    process.wait()
    with source_lock(tmp_path, "shop", timeout=0, on_wait=lambda: pytest.fail("a dead process holds the lock")):
        pass


def test_a_lock_is_free_after_an_error(tmp_path):
    """An error inside releases the lock."""
    with pytest.raises(KeyError), source_lock(tmp_path, "shop", timeout=0):
        raise KeyError
    with source_lock(tmp_path, "shop", timeout=0):
        pass


def test_a_home_that_is_no_folder_is_told(tmp_path):
    """Where the lock can't be made, the error names the setting that says where all state lies."""
    home = tmp_path / "file"
    home.touch()
    with pytest.raises(SettingsError, match="STREAMING_ASSETS_HOME") as raised, source_lock(home, "shop", timeout=0):
        pytest.fail("a lock in a folder that can't be made")
    assert str(home) in str(raised.value)
