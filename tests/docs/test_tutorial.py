"""docs/tutorial.md: a reader who does what it says, in an empty folder, sees what it shows."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from streaming_assets.errors import BrokerError
from streaming_assets.kafka.java import find_java
from streaming_assets.settings import PREFIX
from tests.support import pages
from tests.support.browser import CHROMIUM, PATIENCE, opened_page

ROOT = Path(__file__).parents[2]
CHART = "Sales by shop, in cents"


class Reader:
    """Somebody at a shell, in an empty folder, for whom the package index has this checkout."""

    def __init__(self, folder: Path, index: Path) -> None:
        self.place = folder
        self._state = index / "state"
        self._state.touch()
        constraints = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["constraint-dependencies"]
        (index / "constraints.txt").write_text("\n".join(constraints))
        # uv tells programs that it runs where it was started from, and would install there.
        ours = (PREFIX, "PYTHON", "VIRTUAL_ENV", "UV_INTERNAL", "DAGSTER_", "FORCE_COLOR")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        path = [each for each in os.environ["PATH"].split(os.pathsep) if not Path(each).is_relative_to(sys.prefix)]
        self._environment = kept | {
            "PATH": os.pathsep.join([str(index), str(Path(sys.base_prefix) / "bin"), *path]),
            "UV_FIND_LINKS": str(index),
            "UV_CONSTRAINT": str(index / "constraints.txt"),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_COMPILE_BYTECODE": "1",
            "COLUMNS": "100",
            f"{PREFIX}DAGSTER_PORT": "0",
            f"{PREFIX}DASHBOARD_PORT": "0",
        }

    def does(self, commands: str) -> str:
        """Type commands, which must succeed; return what the terminal shows."""
        done = subprocess.run(**self._shell(commands), stdout=subprocess.PIPE, timeout=600, check=False)
        assert done.returncode == 0, done.stdout
        *_, self.place = map(Path, (self._state.with_name("place").read_text().splitlines()))
        return done.stdout

    def starts(self, commands: str) -> subprocess.Popen[str]:
        """Type commands of which the last one does not end."""
        return subprocess.Popen(**self._shell(commands), stdout=subprocess.PIPE, start_new_session=True)

    def _shell(self, commands: str) -> dict[str, object]:
        """The next commands of one shell: what was exported, and the folder, are kept."""
        place = self._state.with_name("place")
        kept = f". {self._state}\n{commands}\nexport -p > {self._state}; pwd > {place}"
        return {
            "args": ["bash", "-e", "-c", kept],
            "cwd": self.place,
            "env": self._environment,
            "stdin": subprocess.DEVNULL,
            "stderr": subprocess.STDOUT,
            "text": True,
        }


@pytest.fixture
def reader(tmp_path):
    """A reader with uv, Python and nothing else."""
    try:
        find_java()
    except BrokerError as error:
        pytest.skip(error.summary)
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not on the path")
    index, folder = tmp_path / "index", tmp_path / "reader"
    folder.mkdir()
    build = [uv, "build", "--quiet", "--wheel", "--out-dir", index, ROOT]
    subprocess.run(list(map(str, build)), check=True)
    (index / "uv").symlink_to(uv)
    return Reader(folder, index)


def look_at(reader, commands):
    """Start what does not end, look at the chart where there is a browser, and press Ctrl-C."""
    process = reader.starts(commands)
    try:
        told = {}
        while "kafka" not in told and (line := process.stdout.readline()):
            name, _, rest = line.strip().partition(" ")
            told[name] = rest.strip()
        assert told.keys() >= {"dashboard", "dagster", "kafka"}, told
        if CHROMIUM.exists():
            expect_chart(told["dashboard"])
    finally:
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=120)
    assert process.returncode == 0, rest


def expect_chart(address):
    """See the chart on the page."""
    api = pytest.importorskip("playwright.sync_api")
    with opened_page() as page:
        page.goto(address)
        api.expect(page.get_by_text(CHART)).to_be_visible(timeout=PATIENCE)
        api.expect(page.locator("[data-testid=stVegaLiteChart]")).to_have_count(1, timeout=PATIENCE)


@pytest.mark.long
@pytest.mark.broker
@pytest.mark.timeout(1200)
def test_a_reader_sees_what_the_tutorial_shows(reader):
    """Each command of the tutorial works in order, on the files as it has them, and tells what it shows."""
    told = ""
    for block in pages.blocks(ROOT / "docs" / "tutorial.md"):
        if block.language == "text":
            assert pages.missing(block.text, told) == [], f"{block}, but this was told:\n{told}"
        elif block.language == "diff":
            path = reader.place / block.file
            path.write_text(pages.changed(path.read_text(), block.text))
        elif block.language == "sh" and block.text.endswith("streaming-assets up\n"):
            look_at(reader, block.text)
        elif block.language == "sh":
            told = reader.does(block.text)
        else:
            (reader.place / block.file).parent.mkdir(exist_ok=True)
            (reader.place / block.file).write_text(block.text)
