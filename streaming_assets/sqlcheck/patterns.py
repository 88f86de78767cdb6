"""Regular expressions: the part that Python's `re`, Java's `Pattern` and RE2 read in the same way.

RE2's syntax: https://github.com/google/re2/wiki/Syntax. It has no look-around, no backreferences, no
possessive or atomic groups, and no repetition above 1000.
"""

from __future__ import annotations

import re
import warnings

_ESCAPED_OR_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_REPETITION = re.compile(r"\{(\d*)(?:,(\d*))?\}")
_MOST_REPETITIONS = 1000

_FORMS = (
    ("(?=", "look-ahead"),
    ("(?!", "look-ahead"),
    ("(?<=", "look-behind"),
    ("(?<!", "look-behind"),
    ("(?P=", "a backreference"),
    ("(?P<", "a named group"),
    ("(?<", "a named group"),
    ("(?>", "an atomic group"),
    ("(?(", "a conditional group"),
    ("(?#", "a comment"),
    ("*+", "a possessive quantifier"),
    ("++", "a possessive quantifier"),
    ("?+", "a possessive quantifier"),
    ("}+", "a possessive quantifier"),
)

_UNICODE_CLASSES = "dDwWsSbB"
_ESCAPES_OF_ALL = "tnrfv\\.^$*+?()[]{}|/-"


def sql_pattern_problem(pattern: str) -> str | None:
    r"""Say why Java (Spark) and RE2 (DuckDB) could read a pattern differently; None where they agree.

    `\d`, `\w` and `\s` mean ASCII to both; `\b` does not.
    """
    return _problem(pattern, escapes=_ESCAPES_OF_ALL + "dDwWsS")


def field_pattern_problem(pattern: str) -> str | None:
    r"""Say why Python and RE2 could read a pattern differently; None where they agree.

    `\d`, `\w`, `\s` and `\b` mean Unicode to Python and ASCII to RE2.
    """
    return _problem(pattern, escapes=_ESCAPES_OF_ALL)


def _problem(pattern: str, *, escapes: str) -> str | None:
    try:
        with warnings.catch_warnings():
            # Python warns of sets inside of sets, such as [a&&b], which Java reads in another way.
            warnings.simplefilter("error", FutureWarning)
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:
        return f"an error: {error}"
    return _escape_problem(pattern, escapes) or _form_problem(_ESCAPED_OR_CLASS.sub("x", pattern))


def _escape_problem(pattern: str, escapes: str) -> str | None:
    for letter in re.findall(r"\\(.)", pattern, re.DOTALL):
        if letter.isdigit():
            return "a backreference or an octal escape"
        if letter in escapes:
            continue
        if letter in _UNICODE_CLASSES:
            return f"\\{letter}, which does not mean the same characters everywhere; list them, as in [0-9]"
        return f"the escape \\{letter}"
    return None


def _form_problem(bare: str) -> str | None:
    for form, name in _FORMS:
        if form in bare:
            return name
    counts = [int(count) for pair in _REPETITION.findall(bare) for count in pair if count]
    return f"a repetition above {_MOST_REPETITIONS}" if max(counts, default=0) > _MOST_REPETITIONS else None
