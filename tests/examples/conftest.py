"""An installation as a stranger has it: wheels in a clean environment, and a folder far from the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import opened_page
from tests.support.webserver import Webserver

ROOT = Path(__file__).parents[2]
OF_THE_CHECKOUT = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")


def uv(*arguments: object) -> None:
    """Run uv, which must succeed."""
    program = os.environ.get("UV") or shutil.which("uv")
    if program is None:
        pytest.skip("there is no uv to build and install wheels with")
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@dataclass
class Wheels:
    """The wheels of the framework and of the example, and the versions that they are tested with."""

    framework: Path
    example: Path
    constraints: Path

    def install(self, environment: Path, *requirements: object) -> None:
        """Install into an environment, at the pinned versions."""
        uv("pip", "install", "--quiet", "--python", environment, "--constraint", self.constraints, *requirements)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory) -> Wheels:
    """The wheels, built from the checkout."""
    folder = tmp_path_factory.mktemp("wheels")
    for name, project in (("framework", ROOT), ("example", ROOT / "examples" / "bike_hire")):
        uv("build", "--quiet", "--wheel", "--out-dir", folder / name, project)
    pins = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["uv"]["constraint-dependencies"]
    (folder / "constraints.txt").write_text("\n".join(pins))
    (framework,), (example,) = ((folder / name).glob("*.whl") for name in ("framework", "example"))
    return Wheels(framework, example, folder / "constraints.txt")


@pytest.fixture(scope="session")
def installed(wheels, new_command_line, tmp_path_factory) -> Callable[..., Any]:
    """Makes command lines of a clean environment with some wheels, in an empty folder."""

    def make(requirements: Sequence[object], **variables: str) -> Any:
        folder = tmp_path_factory.mktemp("stranger")
        environment = folder / "environment"
        uv("venv", "--quiet", "--python", "3.11", environment)
        wheels.install(environment, *requirements)
        (folder / "here").mkdir()
        line = new_command_line(folder / "here", **variables)
        line.command = [environment / "bin" / "streaming-assets"]
        for name in OF_THE_CHECKOUT:
            line.environment.pop(name, None)
        return line

    return make


@pytest.fixture
def page() -> Iterator[Any]:
    """An empty page of a browser."""
    with opened_page() as page:
        yield page


@pytest.fixture(scope="session")
def webserver() -> Callable[[str], Webserver]:
    """Makes what asks a webserver at an address."""
    return Webserver
