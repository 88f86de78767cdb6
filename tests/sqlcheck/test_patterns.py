"""Regular expressions that mean the same to every engine."""

from __future__ import annotations

import pytest

from streaming_assets.sqlcheck import field_pattern_problem
from streaming_assets.sqlcheck.patterns import sql_pattern_problem


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)",
        "(?!a)",
        "(?<=a)",
        "(?<!a)",
        "(a)\\1",
        "(?P<x>a)",
        "(?P<x>a)(?P=x)",
        "a*+",
        "a++",
        "(?>a)",
        "a{1001}",
        "(",
        "\\Aa",
        "\\bx",
        "a{2}+",
        "(?#x)a",
        "[a-z&&[b]]",
    ],
)
def test_pattern_outside_the_common_part_is_refused(pattern: str) -> None:
    """Look-around, backreferences and the like are refused in fields' patterns and in SQL."""
    assert field_pattern_problem(pattern) is not None
    assert sql_pattern_problem(pattern) is not None


@pytest.mark.parametrize("pattern", ["[0-9]{1,18}", "(?:a|b)+?", "^[^/]+/[(?=)]$", "a\\.b", "(?i)abc"])
def test_pattern_of_the_common_part_is_let_through(pattern: str) -> None:
    """Classes, groups and repetitions are let through, also where a class holds signs of other forms."""
    assert (field_pattern_problem(pattern), sql_pattern_problem(pattern)) == (None, None)


@pytest.mark.parametrize("pattern", ["\\d+", "\\w", "\\s"])
def test_class_that_is_unicode_to_python_is_refused_for_fields(pattern: str) -> None:
    """Classes that mean more characters to Python than to RE2 are refused for fields, and stay legal in SQL."""
    assert field_pattern_problem(pattern) is not None
    assert sql_pattern_problem(pattern) is None
