"""The DuckDB connection of the embedded engine."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streaming_assets.engines.embedded.duck import connect
from streaming_assets.settings import load_settings


@pytest.fixture
def settings(tmp_path):
    """Settings with a home that does not exist yet, and little memory."""
    return load_settings(home=tmp_path / "home", memory_limit_mb=256)


def test_what_memory_can_not_hold_goes_to_disk(settings):
    """A table larger than the limit, in a home where nothing was spilled before, is made all the same."""
    with connect(settings, b"key") as connection:
        connection.execute("CREATE TEMP TABLE large AS SELECT repeat(sha256(range::text), 8) t FROM range(1_000_000)")
        size = connection.sql("SELECT sum(length(t)) FROM large").fetchall()[0][0]
        spilled = sum(path.stat().st_size for path in settings.home.glob("tmp/duckdb-*/*"))
    assert size > settings.memory_limit_mb * 2**20
    assert spilled > 0
    assert list(settings.home.glob("tmp/duckdb-*/*")) == []


def test_nothing_is_drawn_on_standard_output(tmp_path):
    """In a program without a file, which DuckDB takes for a person at a prompt, it draws no progress bar."""
    program = """
import sys
from pathlib import Path
from streaming_assets.engines.embedded.duck import connect
from streaming_assets.settings import load_settings
connection = connect(load_settings(home=Path(sys.argv[1])), b"key")
print(connection.sql("SELECT current_setting('enable_progress_bar')").fetchall())
"""
    ran = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    assert ran.stdout == "[(False,)]\n"
