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
    print(json.dumps([loaded, [child.name() for child in psutil.Process().children(recursive=True)]]))
"""


@pytest.mark.broker
def test_the_embedded_engine_loads_no_spark(command_line):
    """A refresh by the embedded engine loads no module of Spark's and starts no other process."""
    command_line.ok("produce", "user_interactions", "--limit", "50")
    ran = command_line.program(PROGRAM)
    assert "50" in ran.stdout
    assert json.loads(ran.stdout.splitlines()[-1]) == [[], []]
