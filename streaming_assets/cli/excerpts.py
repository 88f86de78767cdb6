"""A line of a file on a terminal, with a mark below what is meant."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.text import Text

_LEAST = 20
_TAB = 4


def excerpt(number: str, line: str, column: int | None, length: int, width: int) -> Text:
    """Return a line with its number and, if the column is known, a mark below; of a long line, the part around it.

    Args:
        number: What stands before the line.
        line: The line, whatever is in it.
        column: Where the mark begins, in characters from 1.
        length: How many characters it marks.
        width: How many columns a terminal has.
    """
    gutter = f"  {number:>5} │ "
    room = max(width - len(gutter), _LEAST)
    start = column - 1 if column is not None else 0
    end = start + length if column is not None else 0
    before, marked, after = printable(line[:start]).lstrip(), printable(line[start:end]), printable(line[end:])
    before = _ending(before, max(room - cell_len(marked) - bool(after), room // 3))
    shown = before + marked + after if column is not None else after.lstrip()
    if cell_len(shown) > room:
        shown = f"{set_cell_size(shown, room - 1)}…"
    text = Text.assemble((gutter, "dim"), shown)
    if column is None:
        return text
    marks = "^" * max(min(cell_len(marked), room - cell_len(before)), 1)
    return text.append("\n" + " " * (len(gutter) - 2) + "│ ", "dim").append(" " * cell_len(before) + marks, "red")


def printable(text: str) -> str:
    """Return a text as a terminal may get it: no control characters but ends of lines."""
    plain = text.expandtabs(_TAB)
    return "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in plain)


def _ending(text: str, cells: int) -> str:
    """Return as much of the end of a text as there is room for."""
    if cell_len(text) <= cells:
        return text
    while cell_len(text) > cells - 1:
        text = text[1:]
    return f"…{text}"
