"""The soak: its parts run together, and growth fails it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"
HOUR = 3_600.0


@pytest.mark.long
@pytest.mark.usefixtures("broker")  # skips where there is no Java
def test_small_batches_end_with_tables_that_verify(tmp_path):
    """Each of the small batches is refreshed by itself, and the tables that they leave hold everything."""
    command = [sys.executable, SOAK, "--batches", "12", "--maintain-seconds", "2"]
    environment = {**os.environ, "COLUMNS": "120", "TMPDIR": str(tmp_path)}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode in {0, 1}, ran.stderr  # a run as short as this may look like growth
    assert "Everything holds." in ran.stdout
    assert "12 refreshes, 60 records" in ran.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("growth", "holds"), [(0.0, True), (0.05, True), (0.30, False)])
def test_growth_of_memory_fails_the_soak(benchmark_module, growth, holds, capsys):
    """Memory that grows by a third over an hour fails, by a twentieth it does not; time stays as it is."""
    soak = benchmark_module("soak")
    samples = [
        soak.Sample(
            at=part * HOUR / 100, seconds=0.5, records=1, memory=300 * (1 + growth * part / 100), cpu=0.4, yardstick=0.1
        )
        for part in range(101)
    ]
    assert soak.slope(samples, "memory") == pytest.approx(300 * growth)
    assert soak.is_flat("memory", samples, "memory", "MiB", soak.MEMORY_SLOPE) is holds
    assert f"memory: {300 * growth:+.2f} MiB an hour" in capsys.readouterr().out
    assert soak.is_flat("time", samples, "seconds", "s", soak.TIME_SLOPE) is True


@pytest.mark.parametrize(("refresh", "machine", "holds"), [(1.0, 1.5, True), (1.5, 1.0, False), (1.5, 1.5, True)])
def test_a_machine_that_becomes_slower_does_not_fail_the_soak(benchmark_module, refresh, machine, holds):
    """Refreshes that take half as long again fail it, unless the same work takes half as long again beside them."""
    soak = benchmark_module("soak")

    def grown(factor, part):
        return 1 + (factor - 1) * part / 100

    samples = [
        soak.Sample(
            at=part * HOUR / 100,
            seconds=grown(refresh, part),
            records=1,
            memory=300.0,
            cpu=0.5 * grown(refresh, part),
            yardstick=0.1 * grown(machine, part),
        )
        for part in range(101)
    ]
    assert soak.is_flat("time", samples, "yardsticks", "", soak.TIME_SLOPE) is holds


@pytest.mark.parametrize(("more", "holds"), [(0, True), (20, True), (100, False)])
def test_files_that_become_more_fail_the_soak(benchmark_module, more, holds):
    """A hundred data files that are twice as many an hour later fail it; a few more, as days come, do not."""
    soak = benchmark_module("soak")
    files = [
        soak.Files(at=part * HOUR / 100, tables={"bronze": 40, "silver": 60 + more * part // 100}, stored=0, log=0)
        for part in range(101)
    ]
    assert soak.is_flat("data files", files, "named", "", soak.FILES_SLOPE) is holds
