"""A line of a file on a terminal, with a mark below what is meant."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from streaming_assets.cli.excerpts import excerpt, printable

LINE = "        sql='SELECT page, count(*) AS clicks FROM silver GROUP BY page, window_start, window_end', per='login'"


def parts(text: str) -> tuple[str, str]:
    """Return what is shown, and what the marks below point at."""
    shown, marks = text.split("\n")
    start, end = marks.index("^"), marks.rindex("^") + 1
    line, at = "", 0
    for letter in shown:
        if start <= at < end:
            line += letter
        at += cell_len(letter)
    return shown, line


@pytest.mark.parametrize("word", ["sql", "page", "clicks", "GROUP BY", "window_end", "'login'"])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_mark_stands_below_the_word(word, width):
    """Of a line of any length, the part with the word is shown, and the mark is below it."""
    shown, marked = parts(excerpt("7", LINE, LINE.index(word) + 1, len(word), width).plain)

    assert marked == word
    assert cell_len(shown) <= width
    assert ("…" in shown) == (len(LINE.strip()) > width - 10)


def test_wide_letters_and_tabs_move_the_mark():
    """A mark is below its word also after letters that take two columns, and after tabs."""
    line = "\tx = '漢字', \tpage"

    assert parts(excerpt("1", line, line.index("page") + 1, 4, 80).plain)[1] == "page"


def test_a_word_that_is_longer_than_the_terminal_is_marked_as_far_as_it_is_shown():
    """The mark is not wider than the terminal."""
    text = excerpt("1", "x" * 300, 1, 300, 80).plain

    assert [cell_len(line) for line in text.split("\n")] == [80, 80]


def test_a_line_without_a_column_has_no_mark():
    """Where only the line is known, the line is shown and nothing is marked."""
    assert excerpt("12", "    x = 1", None, 1, 80).plain == "     12 │ x = 1"


def test_nothing_steers_the_terminal():
    """Control characters are not sent to a terminal, while ends of lines and letters of all kinds are."""
    assert printable("a\x1b[31m\x07é漢\n\tb") == "a\ufffd[31m\ufffdé漢\n    b"
