"""Programs that are run beside: they end with whoever started them, however that one ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from streaming_assets.cli.processes import Program, ProgramFailed
from streaming_assets.settings import load_settings

# A program that starts another one; either may not listen when it is told to end.
FAMILY = """
import signal, subprocess, sys, time
place, stubborn_parent, stubborn_child = sys.argv[1:]
if stubborn_child != "child":
    subprocess.Popen([sys.executable, "-c", sys.orig_argv[2], place, stubborn_child, "child"])
if stubborn_parent == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(f"{place}/{'child' if stubborn_child == 'child' else 'parent'}", "w").close()
time.sleep(600)
"""

STARTER = """
import os, signal, sys, threading
from streaming_assets.cli import processes
from streaming_assets.settings import load_settings
moment, *command = sys.argv[1:]
processes._STOP_SECONDS = 1.0
with processes.Program("family", command, 1, load_settings()):
    if moment == "starting":
        os.kill(os.getpid(), signal.SIGKILL)
    print("started", flush=True)
    sys.stdin.read()
"""


def alive(place: Path) -> list[psutil.Process]:
    """The processes that were started for a folder; one that nobody has reaped yet is not alive."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if str(place) in (process.info["cmdline"] or ()) and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def wait_for(true, what: str) -> None:
    """Wait until something is true, for a minute at most."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Starts a process that runs a family of programs; what is left of them is killed afterwards."""
    monkeypatch.chdir(tmp_path)
    started = []

    def start(moment: str, parent: str, child: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", FAMILY, str(tmp_path), parent, child]
        process = subprocess.Popen(
            [sys.executable, "-c", STARTER, moment, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
    for process in alive(tmp_path):
        process.kill()


@pytest.mark.parametrize("parent", ["obedient", "stubborn"])
@pytest.mark.parametrize("child", ["obedient", "stubborn"])
@pytest.mark.parametrize("end", ["killed", "in order"])
def test_nothing_outlives_the_starter(start, tmp_path, end, parent, child):
    """After SIGKILL of the starter, as after its end in order, neither the program nor its child is left."""
    process = start("later", parent, child)
    wait_for(lambda: (tmp_path / "parent").exists() and (tmp_path / "child").exists(), "the programs do not start")
    if end == "killed":
        process.kill()
    process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGKILL if end == "killed" else 0)
    wait_for(lambda: not alive(tmp_path), "something is left")


def test_nothing_outlives_a_starter_that_was_killed_while_it_started(start, tmp_path):
    """After SIGKILL at the moment when the program begins to start, nothing is left."""
    process = start("starting", "stubborn", "stubborn")
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    # Twice, as a process may begin while the list is made.
    wait_for(lambda: not alive(tmp_path) and not alive(tmp_path), "something is left")


def test_a_program_that_ends_is_told(tmp_path):
    """A program that ends by itself is an error with its exit code, its last words, and where all of them are."""
    command = [sys.executable, "-c", "import sys; sys.exit('no luck today')"]
    unlucky = Program("unlucky", command, 1, load_settings(home=tmp_path))
    with pytest.raises(ProgramFailed) as raised, unlucky as program:
        program.wait_until_ready(60, threading.Event())
    assert raised.value.summary == "unlucky ended with exit code 1."
    assert raised.value.found == "no luck today"
    assert str(program.log) in raised.value.remedy
