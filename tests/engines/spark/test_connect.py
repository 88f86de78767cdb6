"""The engine over Spark Connect: a real server, and a client that starts no JVM."""

from __future__ import annotations

import json
import time

import pytest

pytest.importorskip("pyspark", reason="engine `spark` is not installed: pyspark is missing")

from tests.support.connect_server import connect_server

pytestmark = [pytest.mark.broker, pytest.mark.spark, pytest.mark.usefixtures("spark_settings")]

PROGRAM = """
import json, sys
import psutil
from streaming_assets.cli import main

sys.argv = ["streaming-assets", "refresh", "user_interactions", "--engine", "spark", "--json"]
try:
    main()
finally:
    from pyspark import SparkContext

    alone = [SparkContext._gateway is None, len(psutil.Process().children(recursive=True))]
    print(json.dumps(alone), file=sys.stderr)  # standard output is for the command's results alone
"""
KEY = "a key for tests"
GOLD = ("events_by_type", "user_sessions", "video_activity")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a server with Delta and Kafka."""
    from streaming_assets.engines.spark.local import ON_THIS_MACHINE, PROPERTIES  # noqa: PLC0415 - it needs pyspark

    log = tmp_path_factory.mktemp("connect") / "server.log"
    with connect_server({**PROPERTIES, **ON_THIS_MACHINE}, log) as address:
        yield address


def in_order(rows):
    left_out = {"ingested_at", "ingested_date"}
    return sorted(repr({name: row[name] for name in sorted(row) if name not in left_out}) for row in rows)


def test_a_server_fills_the_same_tables(server, command_line, new_command_line, tmp_path):
    """A refresh over Spark Connect, without a JVM of its own, gives the tables of the embedded engine, and verifies."""
    command_line.environment |= {
        "STREAMING_ASSETS_SPARK_REMOTE": server,
        "STREAMING_ASSETS_PSEUDONYM_KEY": KEY,
    }
    variables = {name: command_line.environment[name] for name in command_line.environment if "ASSETS" in name}
    embedded = new_command_line(tmp_path / "embedded", **variables)
    embedded.folder.mkdir()
    for _ in range(2):
        command_line.ok("produce", "user_interactions", "--limit", "300")
        ran = command_line.program(PROGRAM)
        assert json.loads(ran.stderr.splitlines()[-1]) == [True, 0]
        embedded.ok("refresh", "user_interactions")
    for table in ("bronze", "silver", *(f"gold/{name}" for name in GOLD)):
        rows = in_order(command_line.rows(f"user_interactions/{table}"))
        assert rows == in_order(embedded.rows(f"user_interactions/{table}")), table
        assert rows
    assert "Everything holds." in command_line.ok("verify", "user_interactions")


def test_a_server_that_does_not_answer_is_told(command_line):
    """A wrong address ends a refresh with the address, what to do, and no stack trace."""
    command_line.ok("produce", "user_interactions", "--limit", "5")
    told = command_line.fails(
        "refresh", "user_interactions", "--engine", "spark", STREAMING_ASSETS_SPARK_REMOTE="sc://127.0.0.1:1"
    )
    assert "There is no Spark session." in told
    assert "sc://127.0.0.1:1" in told
    assert "STREAMING_ASSETS_SPARK_REMOTE" in told


def test_a_server_that_goes_away_ends_a_refresh(command_line, tmp_path):
    """A server that is killed while it works ends a refresh soon, with an error; the next refresh goes on."""
    from streaming_assets.engines.spark.local import ON_THIS_MACHINE, PROPERTIES  # noqa: PLC0415 - it needs pyspark

    command_line.environment["STREAMING_ASSETS_PSEUDONYM_KEY"] = KEY
    command_line.ok("produce", "user_interactions", "--limit", "50")
    with connect_server({**PROPERTIES, **ON_THIS_MACHINE}, tmp_path / "server.log") as address:
        remote = {"STREAMING_ASSETS_SPARK_REMOTE": address}
        process = command_line.start("refresh", "user_interactions", "--engine", "spark", **remote)
        while not [*command_line.lake.glob("user_interactions/bronze/**/*.parquet")]:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 1
    assert "Traceback" not in err
    assert "Spark failed while working on user_interactions." in err
    command_line.ok("refresh", "user_interactions")
    assert "Everything holds." in command_line.ok("verify", "user_interactions")
