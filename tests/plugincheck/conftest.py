"""Packages of plugins that lie in a folder, whose places are marked where they are written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from streaming_assets.plugincheck.checking import Checked, check
from streaming_assets.plugincheck.findings import Finding

PYPROJECT = """[project]
name = "shop"
version = "1.0"

[project.entry-points.streaming_assets]
shop = "shop"
"""

HEAD = """from streaming_assets import (
    Chart, EventSchema, EventSource, Field, GoldTable, ScalarType, SilverTable, Struct, Topic, hookimpl,
)
"""

SCHEMA = """
SCHEMA = EventSchema(
    fields=(Field(name="at", type=ScalarType.TIMESTAMP), Field(name="page", type=ScalarType.STRING)),
    event_time="at",
)
SILVER = SilverTable(
    sql="SELECT page FROM events",
    columns=(Field(name="page", type=ScalarType.STRING),),
)
"""

HOOK = """
@hookimpl
def register_event_source():
    return EventSource(
        name="shop", title="Shop", description="Sales.", topic=Topic(name="shop"), schema=SCHEMA,
        producer=lambda options: None, silver=SILVER, gold=GOLD,
    )
"""


class Project:
    """A plugin's project: files whose text has « and » around what is wrong."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.marked: list[tuple[Path, int, int]] = []

    def write(self, **files: str) -> None:
        """Write modules of the package `shop`, by their names; a module `gold` with two dots is `gold__sql`."""
        for name, text in files.items():
            self.put(f"src/shop/{name}.py", text)

    def put(self, name: str, text: str) -> Path:
        """Write a file, without marks, and note where they were."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for match in re.finditer("«", text):
            before = re.sub("[«»]", "", text[: match.start()])
            self.marked.append((path, before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1))
        path.write_text(re.sub("[«»]", "", text), "utf-8")
        return path

    def check(self) -> list[Checked]:
        """Check it where it lies."""
        return check(str(self.folder))

    def findings(self) -> list[Finding]:
        """Return its findings."""
        return [finding for each in self.check() for finding in each.findings]

    def places(self, text: str = "") -> list[tuple[Path, int | None, int | None]]:
        """Return the places of its findings, of those in which a text was found."""
        return [
            (finding.spot.file, finding.spot.line, finding.spot.column)
            for finding in self.findings()
            if finding.spot is not None and text in finding.found
        ]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Give a project whose package is still empty."""
    made = Project(tmp_path / "project")
    made.put("pyproject.toml", PYPROJECT)
    return made


@pytest.fixture
def gold(project: Project) -> Callable[..., Project]:
    """Write the code that makes the Gold tables into a module of its own, beside others."""

    def write(code: str, **modules: str) -> Project:
        project.write(__init__=HEAD + "from .gold import GOLD\n" + SCHEMA + HOOK, gold=HEAD + code, **modules)
        return project

    return write
