"""What the checks find, and how a place in the SQL is named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from sqlglot import exp

SNIPPET = 80
"""Longest piece of SQL that a message quotes."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a query."""

    found: str
    """What stands there, with its place where it is known."""
    expected: str
    """What should stand there."""


def place(line: int, end_column: int, text: str) -> str:
    """Name the place where `text` starts; sqlglot counts to a token's last character."""
    return f"line {line}, column {max(end_column - len(text) + 1, 1)}"


def snippet(node: exp.Expr) -> str:
    """Quote a piece of the query, with its place where one of its names has one."""
    text = node.sql(dialect="spark")
    quoted = f"`{text if len(text) <= SNIPPET else text[:SNIPPET] + '…'}`"
    lines = [identifier.meta["line"] for identifier in node.find_all(exp.Identifier) if "line" in identifier.meta]
    return f"{quoted} (line {min(lines)})" if lines else quoted


def bare(node: exp.Expr) -> str:
    """Write an expression without the names of its tables, in small letters."""
    copy = node.copy()
    for column in copy.find_all(exp.Column):
        column.set("table", None)
    return str(copy.sql(dialect="spark", comments=False)).lower()


def one_of(name: str, known: Iterable[str]) -> str:
    """Say which names exist, the nearest one first."""
    names = sorted(set(known))
    if not names:
        return "nothing: no name is known here"
    near = get_close_matches(name.lower(), [known.lower() for known in names], n=1, cutoff=0.6)
    if not near:
        return f"one of: {', '.join(names)}"
    nearest = next(known for known in names if known.lower() == near[0])
    others = ", ".join(known for known in names if known != nearest)
    return f"{nearest!r}, or one of: {others}" if others else repr(nearest)
