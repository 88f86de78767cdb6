"""Fault points: what arms them, and what they do."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import streaming_assets
from streaming_assets.errors import SettingsError
from streaming_assets.faults import POINTS, VARIABLE, FaultRaised, reach, then_reach
from streaming_assets.lake.layout import Layer


@pytest.fixture
def arm(monkeypatch):
    """Arms fault points for this process: `arm(text)`."""
    return lambda text: monkeypatch.setenv(VARIABLE, text)


def test_nothing_happens_at_a_point_that_is_not_armed(arm):
    """Points do nothing, armed nowhere or somewhere else."""
    reach("silver.committed")
    arm("gold.written@7701=raise")
    reach("silver.committed")
    reach("gold.written")


def test_a_point_raises_once_and_at_the_hit_that_is_named(arm):
    """A point raises the first time it is reached, or the time that is asked for, and then lets everything pass."""
    arm("silver.computed=raise, silver.written@3=raise")
    with pytest.raises(FaultRaised, match=r"silver\.computed"):
        reach("silver.computed")
    reach("silver.computed")
    reach("silver.written")
    reach("silver.written")
    with pytest.raises(FaultRaised):
        reach("silver.written")
    reach("silver.written")


def test_a_point_delays_every_time(arm):
    """A delay waits each time, or at one hit alone."""
    arm("kafka.polled=delay:0.05,gold.computed@2=delay:0.05")
    waits = []
    for point in ("kafka.polled", "kafka.polled", "gold.computed", "gold.computed"):
        before = time.monotonic()
        reach(point)
        waits.append(time.monotonic() - before >= 0.05)
    assert waits == [True, True, False, True]


def test_a_point_after_rows_is_reached_after_the_last(arm):
    """Rows pass unchanged, and the point comes when there are no more."""
    arm("bronze.written=raise")
    rows = then_reach(iter([1, 2]), "bronze.written")
    assert [next(rows), next(rows)] == [1, 2]
    with pytest.raises(FaultRaised):
        next(rows)


def test_a_point_kills_the_process(monkeypatch):
    """A process dies of SIGKILL at the point, and runs nothing that comes after it."""
    monkeypatch.setenv(VARIABLE, "bronze.committed=kill")
    code = "from streaming_assets.faults import reach; reach('bronze.committed'); print('alive')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, "")


@pytest.mark.parametrize(
    "text", ["nowhere=kill", "bronze.computed", "bronze.computed=stop", "bronze.computed@0=kill", "=raise"]
)
def test_what_arms_no_point_is_told(arm, text):
    """A point that does not exist, or an action that is none, is an error that names the points there are."""
    arm(text)
    with pytest.raises(SettingsError, match=r"kafka\.polled"):
        reach("bronze.computed")


def reached(file: Path) -> Iterator[str]:
    """The points that a module reaches; `{layer}` in a name stands for each layer of tables."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"reach", "then_reach"}:
            name = ast.unparse(node.args[-1]).removeprefix("f").strip("'\"")
            yield from {name.replace("{layer}", layer) for layer in get_args(Layer)}


def test_the_points_that_are_reached_are_those_that_there_are():
    """Every point is reached somewhere, and what is reached anywhere is one of the points."""
    package = Path(streaming_assets.__file__).parent
    files = [file for file in package.rglob("*.py") if file.name != "faults.py"]
    assert {point for file in files for point in reached(file)} == set(POINTS)
