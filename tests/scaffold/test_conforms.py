"""A new package passes what must hold of every source, without a line edited."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OTTO = ROOT.parent / "shared" / "data" / "user" / "otto_sessions_20.jsonl.gz"

pytestmark = [pytest.mark.long, pytest.mark.broker, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def uv():
    """The program that makes environments."""
    found = os.environ.get("UV") or shutil.which("uv")
    if found is None:
        pytest.skip("clean environments are made by `uv`, which is not on this machine")
    return found


@pytest.fixture(scope="module")
def environment(uv, tmp_path_factory):
    """A clean environment with the framework alone, as built for users, in the versions that are tested."""
    folder = tmp_path_factory.mktemp("clean")
    pinned = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["constraint-dependencies"]
    (folder / "constraints.txt").write_text("\n".join(pinned))

    def run(*command: object, cwd: Path = folder) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("STREAMING_", "PYTHON"))}
        done = subprocess.run(
            [*map(str, command)], cwd=cwd, env=kept, capture_output=True, text=True, check=False, timeout=500
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def install(*packages: object) -> None:
        run(uv, "pip", "install", "-q", "-p", folder / "venv", "-c", folder / "constraints.txt", *packages)

    run(uv, "build", "-q", "--wheel", ROOT, "--out-dir", folder / "wheels")
    run(uv, "venv", "-q", folder / "venv")
    (wheel,) = (folder / "wheels").glob("streaming_assets-*.whl")
    install(wheel)
    return folder, run, install


def nested(path: Path) -> Path:
    """Write a sample whose events lie inside of records."""
    kinds = ["click", "view", "click"]
    records = [
        {
            "session": number,
            "events": [{"ts": 1_772_366_400_000 + 900_000 * n + number, "kind": kind} for n, kind in enumerate(kinds)],
        }
        for number in range(20)
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.mark.parametrize("sample", ["nested", "otto"])
def test_a_new_package_conforms(environment, tmp_path, sample):
    """Written from a sample, installed into a clean environment with its extra for tests, its tests pass."""
    if sample == "otto" and not OTTO.is_file():
        pytest.skip("the real data (../shared/data) is not there")
    folder, run, install = environment
    path = OTTO if sample == "otto" else nested(tmp_path / "visits.jsonl")
    run(folder / "venv/bin/streaming-assets", "plugins", "new", f"made_{sample}", "--sample", path, cwd=tmp_path)
    package = tmp_path / f"streaming-assets-made-{sample}"
    install(f"{package}[test]")
    told = run(folder / "venv/bin/python", "-m", "pytest", "-p", "no:cacheprovider", cwd=package)
    assert re.search(r"= 12 passed, 2 skipped", told), told
