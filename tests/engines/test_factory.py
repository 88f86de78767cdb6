"""Which engine is made, and what it loads."""

from __future__ import annotations

import json

import pytest

PROGRAM = """
import json, sys
import psutil
from streaming_assets.cli import main

sys.argv = ["streaming-assets", "refresh", "user_interactions"]
try:
    main()
finally:
    loaded = sorted(name for name in sys.modules if name.split(".")[0] in {"pyspark", "py4j"})
    children = [child.name() for child in psutil.Process().children(recursive=True)]
    print(json.dumps([loaded, children]), file=sys.stderr)
"""


@pytest.mark.broker
def test_the_embedded_engine_loads_no_spark(command_line):
    """A refresh by the embedded engine loads no module of Spark's and starts no other process."""
    command_line.ok("produce", "user_interactions", "--limit", "50")
    ran = command_line.program(PROGRAM)
    assert "50" in ran.stdout
    assert json.loads(ran.stderr.splitlines()[-1]) == [[], []]


@pytest.mark.parametrize(
    "command",
    [
        ["refresh", "user_interactions"],
        ["verify"],
        ["maintain"],
        ["tables", "user_interactions"],
        ["tables", "--quarantine"],
        ["replay-quarantine", "user_interactions"],
    ],
)
def test_commands_leave_the_workspace_to_dagster(command, offline):
    """A command that works on tables itself says that only Dagster's runs can, and what does the same there."""
    variables = {"STREAMING_ASSETS_ENGINE": "databricks", "STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
    told = offline.fails(*command, **variables)
    assert "Engine `databricks` works in a workspace, not in this process." in told
    assert "materialize the source's assets in Dagster" in told


def test_the_option_is_refused_likewise(offline):
    """Named by its option, the engine is refused with the same words."""
    told = offline.fails("refresh", "--engine", "databricks", STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9")
    assert "Engine `databricks` works in a workspace, not in this process." in told


def test_sources_of_a_workspace_are_left_out(offline):
    """Where no source is named, those whose tables lie in a workspace are left out with a note."""
    done = offline.run("tables", STREAMING_ASSETS_SOURCE_ENGINES='{"user_interactions": "databricks"}')
    assert done.returncode == 0
    assert "github_events" in done.stdout
    assert "user_interactions is left out: its tables lie in a Databricks workspace" in " ".join(done.stderr.split())
