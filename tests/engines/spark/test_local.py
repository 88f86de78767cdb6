"""The Spark that a process starts."""

from __future__ import annotations

import pytest

from streaming_assets.settings import load_settings

DRIVER = ("spark.driver.host", "spark.driver.bindAddress", "spark.sql.shuffle.partitions")
"""Properties that fit only executors on this machine."""


def test_executors_elsewhere_can_reach_the_driver():
    """A driver answers on this machine alone only where its executors are there; a cluster's defaults are its own."""
    local = pytest.importorskip("streaming_assets.engines.spark.local", exc_type=ImportError)
    here = local.properties(load_settings(spark_master="local[2]"))
    elsewhere = local.properties(load_settings(spark_master="spark://127.0.0.1:7077"))
    assert here["spark.driver.host"] == "127.0.0.1"
    assert [name for name in DRIVER if name not in here] == []
    assert [name for name in DRIVER if name in elsewhere] == []
    assert elsewhere["spark.sql.extensions"] == here["spark.sql.extensions"]


def test_properties_of_the_settings_win():
    """What `SPARK_CONFIG` says replaces what would be set otherwise."""
    local = pytest.importorskip("streaming_assets.engines.spark.local", exc_type=ImportError)
    assert local.properties(load_settings(spark_config={"spark.driver.host": "h"}))["spark.driver.host"] == "h"


@pytest.mark.broker
@pytest.mark.spark
@pytest.mark.usefixtures("spark_settings")
def test_workers_are_of_the_same_python(command_line, tmp_path):
    """Workers run in the environment of the refresh, whatever `python3` is on the path."""
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python3").chmod(0o755)
    command_line.ok("produce", "user_interactions", "--limit", "20")
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin", "STREAMING_ASSETS_SPARK_MASTER": "local[1]"}
    told = command_line.ok("refresh", "user_interactions", "--engine", "spark", "--json", **path)
    assert '"silver": 20' in told
