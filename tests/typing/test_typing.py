"""The contract's types, as an author's own checks see them: from outside, in the installed package."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

from streaming_assets.validation import validate

HERE = Path(__file__).parent


def test_strict_types_tell_right_from_wrong(tmp_path):
    """What may be written has no error, and each line that may not be has the one that it is marked with."""
    for name in ("right.py", "wrong.py"):
        shutil.copy(HERE / name, tmp_path)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "right.py", "wrong.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_is_right_works():
    """The definition that the types let through has no fault."""
    assert validate(runpy.run_path(str(HERE / "right.py"))["register_event_source"]()) == []
