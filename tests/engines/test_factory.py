"""Which engine is made, and what it loads."""

from __future__ import annotations

import json
import subprocess
import sys

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
    print(json.dumps([loaded, [child.name() for child in psutil.Process().children(recursive=True)]]))
"""


@pytest.mark.broker
def test_the_embedded_engine_loads_no_spark(command_line):
    """A refresh by the embedded engine loads no module of Spark's and starts no other process."""
    command_line.ok("produce", "user_interactions", "--limit", "50")
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=command_line.folder,
        env=command_line.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "50" in ran.stdout
    assert json.loads(ran.stdout.splitlines()[-1]) == [[], []]
