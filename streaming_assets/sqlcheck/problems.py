"""What the checks find, and how a place in the SQL is named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from sqlglot import exp
from sqlglot.tokenizer_core import Token

from streaming_assets.errors import Fault, Place

SNIPPET = 80
"""Longest piece of SQL that a message quotes."""

_CAST = re.compile(r"\b(?:try_)?cast\s*\(\s*\Z", re.IGNORECASE)
_CLOSING = re.compile(r"(?:\s+AS\s+[\w<>:, ]+(?:\([\d, ]+\))?)?\s*\)", re.IGNORECASE)  # of a cast, with its type


Span = tuple[int, int]
"""Where something begins and ends in a query, in characters from its beginning."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a query."""

    found: str
    """What stands there."""
    expected: str
    """What should stand there."""
    span: Span | None = None
    """Where it stands, if that is known."""
    column: str | None = None
    """The declared column that the query does not have; then there is nothing in the query to point at."""

    def fault(self, where: str, sql: str) -> Fault:
        """Return it as a fault of the definition, whose query `sql` stands at `where`, beside the declared columns."""
        if self.column is not None:
            return Fault(f"{where.removesuffix('sql')}columns.{self.column}", self.found, self.expected)
        place = Place.of(sql, *self.span) if self.span is not None else None
        return Fault(where, self.found, self.expected, place)


def mark_spans(tree: exp.Expr, sql: str) -> None:
    """Note on every piece of a parsed query where it stands, which outlasts that columns are resolved."""
    for node in reversed(list(tree.bfs())):
        spans = [child.meta["span"] for child in node.iter_expressions() if "span" in child.meta]
        if "start" in node.meta:  # sqlglot knows it of names, of values and of what a function is called
            spans.append((node.meta["start"], node.meta["end"] + 1))
        if spans:
            start, end = min(span[0] for span in spans), max(span[1] for span in spans)
            if isinstance(node, exp.Cast) and (called := _CAST.search(sql, 0, start)):
                start = called.start()
            node.meta["span"] = (start, _closed(sql, start, end))


def _closed(sql: str, start: int, end: int) -> int:
    """Return the end of a piece with the brackets that it opens."""
    opened = sql.count("(", start, end) - sql.count(")", start, end)
    for _ in range(opened):
        closing = _CLOSING.match(sql, end)
        end = closing.end() if closing else end
    return end


def span_of(node: exp.Expr) -> Span | None:
    """Return where a piece of a query stands; None where nothing of it was written."""
    if "span" in node.meta:
        start, end = node.meta["span"]
        return start, end
    spans = [part.meta["span"] for part in node.walk() if "span" in part.meta]
    return (min(span[0] for span in spans), max(span[1] for span in spans)) if spans else None


def span_of_word(tokens: Sequence[Token], word: str) -> Span | None:
    """Return where a word of the query stands, if it stands there once."""
    spans = [span_at(token) for token in tokens if token.text.upper() == word]
    return spans[0] if len(spans) == 1 else None


def span_at(token: Token) -> Span:
    """Return where a word of the query stands."""
    return token.start, token.end + 1


def snippet(node: exp.Expr) -> str:
    """Quote a piece of the query."""
    text = node.sql(dialect="spark")
    return f"`{text if len(text) <= SNIPPET else text[:SNIPPET] + '…'}`"


def bare(node: exp.Expr) -> str:
    """Write an expression without the names of its tables, in small letters."""
    copy = node.copy()
    for column in copy.find_all(exp.Column):
        column.set("table", None)
    return str(copy.sql(dialect="spark", comments=False)).lower()


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the name that was meant, in quotation marks; None where none is near."""
    near = get_close_matches(name, sorted(set(known)), n=1)
    return repr(near[0]) if near else None


def one_of(name: str, known: Iterable[str]) -> str:
    """Say which names exist, the nearest one first."""
    names = sorted(set(known))
    if not names:
        return "nothing: no name is known here"
    near = get_close_matches(name.lower(), [known.lower() for known in names], n=1, cutoff=0.6)
    if not near:
        return f"one of: {', '.join(names)}" if len(names) > 1 else repr(names[0])
    nearest = next(known for known in names if known.lower() == near[0])
    others = ", ".join(known for known in names if known != nearest)
    return f"{nearest!r}, or one of: {others}" if others else repr(nearest)
