"""Pages of the documentation as tests read them: their blocks, in order, with what stands before each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCED = re.compile(r"^```([\w-]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r"`([^`\s]+\.\w+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    """Name of the page."""
    line: int
    """Line on which it begins."""
    language: str
    """What stands behind the fence."""
    text: str
    """What is in it."""
    before: str
    """The paragraph before it."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line} ({self.language})"

    @property
    def file(self) -> str:
        """The file that the paragraph before it names last: the reader saves or changes it."""
        names = _NAMED.findall(self.before)
        assert names, f"{self}: nothing says which file this is"
        return names[-1]


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page."""
    text = page.read_text("utf-8")
    return [
        Block(
            str(page.relative_to(ROOT)),
            text.count("\n", 0, found.start()) + 1,
            found[1],
            found[2],
            text[: found.start()].rstrip().rpartition("\n\n")[2],
        )
        for found in _FENCED.finditer(text)
    ]


def changed(text: str, diff: str) -> str:
    """Apply a diff as a page shows it: without line numbers, `…` where lines were left out."""
    for hunk in diff.split("…\n"):
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        assert text.count(old) == 1, f"not there, or more than once:\n{old}"
        text = text.replace(old, new)
    return text


def missing(shown: str, told: str) -> Sequence[str]:
    """Return the lines that a page shows of an output, in order, but that were not told; `…` stands for anything."""
    lines = [" ".join(line.split()) for line in told.splitlines()]
    for number, wanted in enumerate(shown.splitlines()):
        if not wanted:
            continue
        pattern = ".*".join(map(re.escape, " ".join(wanted.split()).split("…")))
        places = [place for place, line in enumerate(lines) if re.match(pattern, line)]
        if not places:
            return shown.splitlines()[number:]
        lines = lines[places[0] + 1 :]
    return []
