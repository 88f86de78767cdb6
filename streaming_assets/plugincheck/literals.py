"""Where in a file a character of a text stands that the code has as a literal."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from streaming_assets.errors import Place
from streaming_assets.plugincheck.spots import characters

_TOKEN = re.compile(r"(?P<prefix>[A-Za-z]*)(?P<quote>'''|\"\"\"|'|\")(?P<body>.*)(?P=quote)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:\n|[0-7]{1,3}|x..|u.{4}|U.{8}|N\{[^}]*\}|.)", re.DOTALL)
_ONE_TO_TWO = frozenset("\\'\"abfnrtv01234567xuUN\n")
"""What makes one character, or none, of a backslash and itself."""


def position(lines: list[str], node: ast.Constant, place: Place) -> tuple[int, int] | None:
    """Return line and column, counted from 1, of a place inside of the text that a literal is.

    Args:
        lines: The file.
        node: The literal, of one or more strings beside each other.
        place: The place, in that text or in what is left when its indent or the white space around it is taken away.

    Returns:
        None where it can't be known for certain.
    """
    written = list(_characters(lines, node))
    if "".join(character for character, _, _ in written) != node.value:
        return None
    index = _index(str(node.value), place)
    return written[index][1:] if index is not None and index < len(written) else None


def _index(value: str, place: Place) -> int | None:
    """Return where in a literal's value a place is, whose text may be that value stripped or dedented."""
    rows, wanted = value.split("\n"), place.text.split("\n")
    stripped = [row.strip() for row in wanted]
    fitting = [
        first
        for first in range(len(rows) - len(wanted) + 1)
        if [row.strip() for row in rows[first : first + len(wanted)]] == stripped
    ]
    if len(fitting) != 1:
        return None
    row = fitting[0] + place.line - 1
    line, shown = rows[row], wanted[place.line - 1]
    indent = len(line) - len(line.lstrip()) - (len(shown) - len(shown.lstrip()))
    return sum(len(before) + 1 for before in rows[:row]) + indent + place.column - 1


def _characters(lines: list[str], node: ast.Constant) -> Iterator[tuple[str, int, int]]:
    """Give the characters of a literal, each with line and column in the file, from 1."""
    first = characters(lines[node.lineno - 1], node.col_offset)
    rows = lines[node.lineno - 1 : node.end_lineno]
    last = characters(rows[-1], node.end_col_offset or 0)
    rows[-1] = rows[-1][:last]
    rows[0] = rows[0][first:]
    # In brackets, as strings beside each other may stand on lines of their own.
    source = f"(\n{chr(10).join(rows)}\n)"
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.STRING and (match := _TOKEN.fullmatch(token.string)):
            row, column = token.start[0] - 2, token.start[1]
            yield from _decoded(match, node.lineno + row, column + (first if row == 0 else 0) + 1)


def _decoded(match: re.Match[str], line: int, column: int) -> Iterator[tuple[str, int, int]]:
    """Give the characters that one string makes, each with its place."""
    body, raw, at = match["body"], "r" in match["prefix"].lower(), 0
    column += len(match["prefix"]) + len(match["quote"])
    while at < len(body):
        escape = None if raw else _ESCAPE.match(body, at)
        taken = escape[0] if escape and escape[0][1] in _ONE_TO_TWO else body[at]
        text = taken if len(taken) == 1 else ast.literal_eval(f'"""{taken}"""') if taken != '\\"' else '"'
        yield from ((character, line, column) for character in text)
        line, column = (line + 1, 1) if taken.endswith("\n") else (line, column + len(taken))
        at += len(taken)
