"""Where a character of a text stands in the file that has the text as a literal."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable

import pytest

from streaming_assets.errors import Place
from streaming_assets.plugincheck.literals import position

LITERALS = {
    "one line": 'sql = "SELECT «x»"',
    "after letters beyond ASCII": 'größe = f(ö="SELECT «x»")',
    "three quotes": 'sql = """\nSELECT\n  «x»\n"""',
    "single quotes": "sql = '''\nSELECT\n  «x»\n'''",
    "beside each other": 'sql = ("SELECT a, "  # why\n       "é, «x» "\n  "FROM silver")',
    "without a first line": 'sql = """\\\nSELECT a,\n  «x»"""',
    "with escapes": "sql = '''\nSELECT '\\\\d' \\' \\x41 \\u0041 \\N{BULLET} \\101 \\n, «x»'''",
    "with what is no escape": "sql = '\\d «x»'",
    "raw": 'sql = r"\\d \\" «x»"',
    "an escape at the end of a line": 'sql = "SELECT a, \\\n«x»"',
}


def place_in(source: str, change: Callable[[str], str] = str) -> tuple[tuple[int, int] | None, tuple[int, int]]:
    """Return the place that is found for the marked text in the only text of a source, and the true one."""
    before = source.partition("«")[0]
    plain = source.replace("«", "").replace("»", "")
    (node,) = [
        each for each in ast.walk(ast.parse(plain)) if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]
    text = change(str(node.value))
    start = text.index("x")
    true = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
    return position(plain.split("\n"), node, Place.of(text, start, start + 1)), true


@pytest.mark.parametrize("source", LITERALS.values(), ids=LITERALS)
@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")
def test_a_character_is_found_in_its_literal(source: str) -> None:
    """A place in a text is found in the file, in whichever form of literal the text is written."""
    found, true = place_in(source)

    assert found == true


INDENTED = 'sql = """\n        SELECT a,\n          «x»\n        FROM silver\n    """'


@pytest.mark.parametrize("change", [textwrap.dedent, str.strip, inspect.cleandoc, str.rstrip])
def test_a_text_may_have_lost_its_indent(change: Callable[[str], str]) -> None:
    """A text whose indent, or the white space around it, was taken away still has its lines in the file."""
    found, true = place_in(INDENTED, change)

    assert found == true


@pytest.mark.parametrize("change", [str.upper, lambda text: text.replace("a,", "b,"), lambda text: text + text])
def test_a_text_that_became_another_is_not_looked_for(change: Callable[[str], str]) -> None:
    """Of a text that is not what the literal says, no place is told."""
    found, _ = place_in(INDENTED.replace("«x»", "«x», X"), lambda text: change(text).replace("X", "x"))

    assert found is None
