"""Threads that a plugin left do not keep a command from ending."""

from __future__ import annotations

import json

import pytest

LEAVING = """
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from time import sleep

{start}

from streaming_assets import hookimpl


@hookimpl
def register_event_source():
    raise RuntimeError("no luck today")
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("start", "command", "code"),
    [
        ("pool = ThreadPoolExecutor()\npool.submit(sleep, 600)", ["plugins", "list", "--json"], 0),
        ("Thread(target=sleep, args=(600,), daemon=False).start()", ["tables", "shop"], 1),
    ],
    ids=["pool", "no daemon"],
)
def test_a_command_ends_without_the_threads_of_a_plugin(offline, start, command, code):
    """Its results are whole, its exit code is its own, and it names the threads that it does not wait for."""
    offline.install("leaving", LEAVING.format(start=start))
    done = offline.run(*command)
    assert done.returncode == code
    assert "note ended without waiting for threads that go on: Thread" in done.stderr
    if code == 0:
        assert [plugin["name"] for plugin in json.loads(done.stdout)["broken"]] == ["leaving"]


PRINTING = """
import os, sys, threading, time

def chatter():
    while True:
        print("chatter", flush=True)
        print("chatter", file=sys.stderr)
        os.write(1, b"chatter\\n")
        time.sleep(0.001)

for _ in range(3):
    threading.Thread(target=chatter, daemon={daemon}).start()
"""


@pytest.mark.long
@pytest.mark.parametrize("daemon", [None, False], ids=["daemon", "no daemon"])
def test_what_threads_of_a_plugin_print_is_no_result(offline, daemon):
    """Threads that print without end put nothing between the results, and do not disturb the command's end."""
    offline.install("chattering", PRINTING.format(daemon=daemon))
    done = offline.run("plugins", "list", "--json")
    told = [line for line in done.stderr.splitlines() if line != "chatter"]
    assert done.returncode == 0, told
    assert [plugin["name"] for plugin in json.loads(done.stdout)["broken"]] == ["chattering"]
    assert "chatter" in done.stderr
    assert [line for line in told if "Traceback" in line or "Fatal" in line] == []
