"""The documentation site, built once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the site, built as CI builds it."""
    pytest.importorskip("sphinx", reason="the documentation's tools (group `docs`) are not installed")
    made = tmp_path_factory.mktemp("site")
    strict = ["--fresh-env", "--nitpicky", "--fail-on-warning", "--keep-going", "--quiet"]
    command = [sys.executable, "-m", "sphinx", *strict, "-d", made / "doctrees", "-c", "docs", ".", made / "html"]
    ran = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return made / "html"
