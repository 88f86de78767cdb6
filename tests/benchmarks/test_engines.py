"""The benchmark of the engines runs, and all parts of it read everything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENGINES = Path(__file__).parents[2] / "benchmarks" / "engines.py"


@pytest.mark.spark
@pytest.mark.usefixtures("broker", "spark_settings")  # skips where there is no Java
def test_all_parts_come_to_their_end(tmp_path):
    """The plain Spark job and both engines read all events, and leave nothing behind."""
    command = [sys.executable, ENGINES, "--events", "2000", "--runs", "1"]
    environment = {**os.environ, "COLUMNS": "100", "TMPDIR": str(tmp_path)}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    rows = [line.split() for line in ran.stdout.splitlines() if line.count(".") > 3]
    assert [row[1] for row in rows] == ["plain", "spark", "embedded"]
    assert list(tmp_path.iterdir()) == []
