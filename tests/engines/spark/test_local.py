"""The Spark of a process's own."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.broker, pytest.mark.spark, pytest.mark.usefixtures("spark_settings")]


def test_workers_are_of_the_same_python(command_line, tmp_path):
    """Workers run in the environment of the refresh, whatever `python3` is on the path."""
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python3").chmod(0o755)
    command_line.ok("produce", "user_interactions", "--limit", "20")
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin", "STREAMING_ASSETS_SPARK_MASTER": "local[1]"}
    told = command_line.ok("refresh", "user_interactions", "--engine", "spark", "--json", **path)
    assert '"silver": 20' in told
