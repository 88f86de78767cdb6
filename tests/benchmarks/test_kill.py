"""The kill benchmark: its short form on real processes of both sources, and whether its plan has every fault point."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streaming_assets.faults import POINTS

KILL = Path(__file__).parents[2] / "benchmarks" / "kill.py"
KILLS = 42
TESTED_ELSEWHERE = {"replay.begun", "replay.silver", "replay.released"}
"""Fault points that no command of the benchmark reaches; `tests/engines/embedded/test_replay.py` kills at each."""


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("broker")  # skips where there is no Java
def test_kills_at_every_point_lose_and_double_nothing(benchmark_module, tmp_path):
    """After SIGKILL at each point of a refresh and of maintenance `verify` and the independent reader find no fault."""
    moments = benchmark_module("killing.moments")
    command = [sys.executable, KILL, "--kills", str(KILLS), "--dagster", "--json"]
    told = tmp_path / "told"
    with told.open("wb") as err, subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=err) as process:
        try:
            out, _ = process.communicate()
        finally:
            process.terminate()  # of which it ends what it has started, should this test be cut short
    print(told.read_text())  # noqa: T201 - the seed, and what was done: shown where the test fails
    assert process.returncode == 0, out
    report = json.loads(out)
    assert [report[fault] for fault in ("lost", "duplicated", "wrong", "told", "breaches")] == [0, 0, 0, [], []]
    assert report["records"] >= report["delivered"] > 0
    assert sum(report["kills"].values()) == KILLS + 1
    assert report["dagster"] > 0
    killed_twice = {moment for moment, count in report["kills"].items() if count >= 2}
    assert {*moments.POINTS, *moments.MAINTENANCE_POINTS} <= killed_twice


def test_every_fault_point_is_killed_at(benchmark_module):
    """Each fault point is in the benchmark's plan, or is named as one that a test kills at; none is in both."""
    moments = benchmark_module("killing.moments")
    of_a_rebuild = dict.fromkeys(point for point, _ in moments.REBUILD_POINTS)
    planned = [*moments.POINTS, *moments.MAINTENANCE_POINTS, *of_a_rebuild]
    assert sorted([*planned, *TESTED_ELSEWHERE]) == sorted(POINTS)


def test_a_process_that_is_not_killed_fails_the_benchmark(benchmark_module, tmp_path):
    """A process that ended by itself, or by another signal, is no kill: the benchmark says so and ends."""
    processes = benchmark_module("killing.processes")
    done = processes.Process([sys.executable, "-c", ""], {}, tmp_path / "done.log")
    done.expect(0)
    with pytest.raises(processes.Ended, match="ended with 0 instead of"):
        done.kill()
    endless = processes.Process([sys.executable, "-c", "import time; time.sleep(99)"], {}, tmp_path / "endless.log")
    endless.send(signal.SIGTERM)
    with pytest.raises(processes.Ended, match="ended with -15 instead of"):
        endless.expect(-signal.SIGKILL)


def test_the_plan_has_every_point_with_several_hits(benchmark_module):
    """200 kills reach every fault point of each source several times, and all of a refresh at three hits."""
    moments = benchmark_module("killing.moments")
    chance = benchmark_module("random").Random(1)
    planned = moments.plan(100, chance)
    assert len(planned) == 100
    for point in (*moments.POINTS, *moments.MAINTENANCE_POINTS):
        assert {each.hit for each in planned if each.where == point} == {1, 2, 3}
    rebuilds = {(each.where, each.hit) for each in planned if each.kind == "rebuild"}
    assert rebuilds == set(moments.REBUILD_POINTS)
    assert sum(each.kind == "random" for each in planned) >= 8
    assert {each.where for each in planned if each.kind == "file"} == set(moments.LAYERS)
