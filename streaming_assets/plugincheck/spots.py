"""A place in a file of a plugin, as a person looks for it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a file; without a line, the file as a whole."""

    file: Path
    """The file."""
    line: int | None = None
    """Line, counted from 1."""
    column: int | None = None
    """Column, in characters, counted from 1; None where the line as a whole is meant."""
    length: int = 1
    """How many characters of that line it takes."""
    text: str = ""
    """The line."""


def spot(file: Path, lines: list[str], line: int, column: int | None = None, length: int = 1) -> Spot:
    """Return a place in a file that consists of `lines`."""
    text = lines[line - 1] if line <= len(lines) else ""
    fits = column is not None and column <= len(text)
    return Spot(file, line, column if fits else None, max(length, 1), text)


def spot_of_node(file: Path, lines: list[str], node: ast.expr | ast.stmt) -> Spot:
    """Return where a piece of code stands: of a call and of a function, the name; of a longer one, its first line."""
    marked = node.func if isinstance(node, ast.Call) else node
    text = lines[marked.lineno - 1]
    start = characters(text, marked.col_offset)
    one_line = marked.end_lineno == marked.lineno
    end = characters(text, marked.end_col_offset or 0) if one_line else len(text.rstrip())
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        start = text.index(node.name, start)
        end = start + len(node.name)
    return spot(file, lines, marked.lineno, start + 1, end - start)


def characters(text: str, count: int) -> int:
    """Return how many characters the first bytes of a line are, as Python counts columns in UTF-8."""
    return len(text.encode()[:count].decode(errors="ignore"))
