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
