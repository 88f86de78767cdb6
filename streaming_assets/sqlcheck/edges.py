"""Arguments at whose edges the engines part: negative lengths, logarithms of zero, patterns that match nothing."""

from __future__ import annotations

import re
import warnings

from sqlglot import exp

_SMALL = frozenset({exp.DataType.Type.TINYINT, exp.DataType.Type.SMALLINT, exp.DataType.Type.INT})
_LAST_ASCII = 127


def length_problem(node: exp.Left | exp.Right | exp.Substring) -> str | None:
    """Refuse a length that may be negative: Spark then gives no text, DuckDB counts from the other end."""
    length = node.args.get("length") if isinstance(node, exp.Substring) else node.expression
    if length is None or isinstance(length, exp.Greatest | exp.Length) or _is_written(length):
        return None
    return "a length that is written out, or greatest(…, 0): the engines take a negative one differently"


def logarithm_problem(node: exp.Ln | exp.Log) -> str | None:
    """Refuse a logarithm of what may be zero or less: Spark gives null, DuckDB -inf or nan."""
    value = (node.expression or node.this).unnest()
    if isinstance(value, exp.Nullif) or (_number(value) or 0) > 0:
        return None
    return "nullif(greatest(…, 0), 0) as the argument: of 0 and less, Spark makes null and DuckDB -inf or nan"


def padding_problem(node: exp.Pad) -> str | None:
    """Refuse to pad with what may be no text: DuckDB stops at it."""
    fill = node.args.get("fill_pattern")
    return None if fill is None or _text(fill) else "one or more letters, written out, to pad with: DuckDB needs them"


def delimiter_problem(node: exp.SplitPart) -> str | None:
    """Refuse a delimiter that may be no text: Spark then has one part, DuckDB one for each letter."""
    return None if _text(node.args["delimiter"]) else "a delimiter that is written out and not empty"


def letter_problem(node: exp.Chr) -> str | None:
    """Refuse a letter of a number that is not known: the engines count beyond ASCII differently."""
    numbers = [_number(each) for each in node.expressions]
    known = all(number is not None and 0 < number <= _LAST_ASCII for number in numbers)
    return None if known else f"a number from 1 to {_LAST_ASCII} that is written out"


def place_problem(node: exp.Bracket) -> str | None:
    """Refuse the place of an item that may be 0, at which Spark stops, or is a BIGINT, which it does not take."""
    known = all(_number(each) or (isinstance(each, exp.Nullif) and _is_small(each.this)) for each in node.expressions)
    return None if known else "nullif(try_cast(… AS INT), 0) as the place: Spark stops at 0, and takes no BIGINT"


def empty_match_problem(node: exp.RegexpReplace | exp.RegexpCount | exp.RegexpSplit) -> str | None:
    """Refuse a pattern that matches no text at all, which the engines then find at different places."""
    pattern = node.expression
    split_letters = isinstance(node, exp.RegexpSplit) and pattern.name == ""
    if not isinstance(pattern, exp.Literal) or split_letters:
        return None
    with warnings.catch_warnings(action="error"):
        try:
            empty = re.search(pattern.this, "") is not None
        except (re.error, OverflowError, RecursionError, FutureWarning):
            return None  # which is told already
    return "a pattern that matches one letter or more, such as '[a-z]+'" if empty else None


def _number(node: exp.Expr) -> float | None:
    if isinstance(node, exp.Neg):
        number = _number(node.this)
        return None if number is None else -number
    return float(node.this) if isinstance(node, exp.Literal) and not node.is_string else None


def _is_written(node: exp.Expr) -> bool:
    number = _number(node)
    return number is not None and number >= 0


def _text(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and node.is_string and bool(node.this)


def _is_small(node: exp.Expr) -> bool:
    return node.type is not None and node.type.this in _SMALL
