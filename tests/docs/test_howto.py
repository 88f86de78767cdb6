"""docs/howto/: the definitions that a page shows make of its events the rows that it shows."""

from __future__ import annotations

import re
import shlex
import sys
import types
from datetime import datetime
from pathlib import Path

import pytest

from streaming_assets.contract import EventSource, Topic
from streaming_assets.errors import DefinitionChanged
from streaming_assets.layers.replay import select
from streaming_assets.validation import validate
from tests.support import lab, pages

ROOT = Path(__file__).parents[2]
PAGES = sorted(page for page in (ROOT / "docs" / "howto").glob("*.md") if page.stem not in {"index", "producer"})
PARTS = re.compile(r"^```(\w+)\n(.*?)^```$|^([^\n]*)\n\n(\| .*?)\n$", re.DOTALL | re.MULTILINE)


class Desk:
    """Somebody who follows a page: a package, its tables, and what the last command told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._module = types.ModuleType("howto_source")
        self._lab: lab.Lab | None = None
        self._told = ""

    def python(self, code: str) -> None:
        """Write a part of the package, beside or over what is there, and load it."""
        path = self._folder / f"part_{len(list(self._folder.glob('part_*')))}.py"
        path.write_text(code)  # a function's source is read from its file
        exec(compile(code, path, "exec"), vars(self._module))  # noqa: S102 - the documentation is ours
        source = EventSource(
            name="orders",
            title="Orders",
            description="Of a how-to.",
            topic=Topic(name="orders"),
            schema=self._module.SCHEMA,
            producer=lambda _options: None,
            silver=self._module.SILVER,
            gold=self._module.GOLD,
        )
        assert validate(source) == []
        if self._lab is None:
            self._lab = lab.Lab(self._folder, source)
        self._lab.source = source

    def json(self, lines: str) -> None:
        """Publish events and refresh."""
        self._lab.bronze(*lines.encode().splitlines())
        self._refresh()

    def sh(self, commands: str) -> None:
        """Do what commands do to the tables; an error is told."""
        for _, command, *words in map(shlex.split, commands.splitlines()):
            try:
                if command == "replay-quarantine":
                    self._lab.replay(select(words[2] if "--reason" in words else None, None))
                if "--rebuild" in words:
                    list(self._lab.engine.rebuild(self._lab.source))
                if command != "tables":
                    self._refresh()
            except DefinitionChanged as error:
                self._told = str(error)

    def text(self, shown: str) -> None:
        """Look at what the last command told."""
        assert pages.missing(shown, self._told) == [], self._told

    def table(self, name: str, shown: str) -> None:
        """Compare the rows of a table with those that are shown."""
        names, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in shown.splitlines())
        stored = self._lab.rows(name) if name in {"silver", "quarantine"} else self._lab.rows("gold", name)
        stored = [row for row in stored if row.get("released_batch") is None]
        assert [[as_shown(row[each]) for each in names] for row in stored] == rows

    def close(self) -> None:
        """Close the engine, if there is one."""
        if self._lab is not None:
            self._lab.engine.close()

    def _refresh(self) -> None:
        self._lab.refine()
        for table in self._lab.source.gold:
            self._lab.aggregate(table.name)


def as_shown(value: object) -> str:
    """A value as a page writes it."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return "" if value is None else str(value)


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """An empty desk."""
    monkeypatch.setitem(sys.modules, "howto_source", types.ModuleType("howto_source"))
    opened = Desk(tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_shows_what_happens(page, desk):
    """Each definition is a valid one, and each table has the rows that stand in the page, in the order of the page."""
    shown = 0
    for language, block, before, table in PARTS.findall(page.read_text("utf-8") + "\n"):
        if language:
            getattr(desk, language)(block)
        elif name := re.findall(r"`(\w+)`:$", before):
            desk.table(name[0], table)
            shown += 1
    assert shown > 0
