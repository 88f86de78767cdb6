"""The Spark that a process starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
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


def test_py4j_writes_nothing_to_standard_error():
    """What Py4J logs of a call that was interrupted stays unsaid, whatever handlers there are; other logs do not."""
    pytest.importorskip("pyspark", reason="engine `spark` is not installed: pyspark is missing")
    code = """
import logging
from streaming_assets.engines.spark import local
local._quiet_py4j()
logging.basicConfig()
logging.getLogger("py4j.clientserver").error("lost")
logging.getLogger("other").error("kept")
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr == "ERROR:other:kept\n"


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


@pytest.fixture
def refreshing(command_line):
    """Starts a refresh by Spark, and returns it with its JVM as soon as a file of Bronze is there."""

    def start():
        command_line.ok("produce", "user_interactions", "--limit", "20")
        master = {"STREAMING_ASSETS_SPARK_MASTER": "local[1]"}
        process = command_line.start("refresh", "user_interactions", "--engine", "spark", **master)
        while not [*command_line.lake.glob("user_interactions/bronze/**/*.parquet")]:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        (jvm,) = (each for each in psutil.Process(process.pid).children() if "java" in each.name())
        return process, jvm

    return start


@pytest.mark.broker
@pytest.mark.spark
@pytest.mark.usefixtures("spark_settings")
def test_ctrl_c_ends_a_refresh(refreshing, command_line):
    """Ctrl-C while Spark works ends the command by its exit code, without a stack trace, and the JVM with it."""
    process, jvm = refreshing()
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    jvm.wait(60)
    command_line.ok("refresh", "user_interactions")
    assert "Everything holds." in command_line.ok("verify", "user_interactions")


@pytest.mark.broker
@pytest.mark.spark
@pytest.mark.usefixtures("spark_settings")
def test_a_spark_that_is_gone_is_told(refreshing, command_line):
    """Where the JVM is killed, a refresh ends with an error that says so, and the next one goes on."""
    process, jvm = refreshing()
    jvm.kill()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in err
    assert "Spark failed while working on user_interactions." in err
    command_line.ok("refresh", "user_interactions")
    assert "Everything holds." in command_line.ok("verify", "user_interactions")
