"""Expressions whose result depends on the engine: casts, divisions, patterns, positions, orders of lists.

Each rule names a difference that was seen between Spark 4.0 and DuckDB 2.0 on the same rows, or that
stops a whole batch on Spark because of one row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from sqlglot import exp

from streaming_assets.sqlcheck.edges import (
    delimiter_problem,
    empty_match_problem,
    length_problem,
    letter_problem,
    logarithm_problem,
    padding_problem,
    place_problem,
)
from streaming_assets.sqlcheck.guards import passed_pattern
from streaming_assets.sqlcheck.patterns import sql_pattern_problem
from streaming_assets.sqlcheck.problems import Problem, snippet, span_of

_INTEGERS = exp.DataType.INTEGER_TYPES
_NUMBERS = exp.DataType.NUMERIC_TYPES
_TEXTS = exp.DataType.TEXT_TYPES
_TIMES = exp.DataType.TEMPORAL_TYPES
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ)
_ALIKE = (
    exp.Coalesce,
    exp.In,
    exp.Case,
    exp.If,
    exp.Nvl2,
    exp.Greatest,
    exp.Least,
    exp.Nullif,
    exp.Between,
    exp.EqualNull,
    exp.Array,
)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.IntDiv)
_EXTRACTS = frozenset({"YEAR", "MONTH", "DAY", "QUARTER", "WEEK", "DOY", "HOUR", "MINUTE"})
_TRUNCATIONS = frozenset({"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"})
# sqlglot keeps it as strftime directives, with a mark where Spark pads to two digits.
_DATE_DIRECTIVE = re.compile(r"%-?[YymdHIMSfpabAB](?:strict)?")

_WHOLE = "try_cast(regexp_extract(x, '^-?[0-9]{1,18}$', 0) AS BIGINT)"
_FRACTION = "try_cast(regexp_extract(x, '^-?[0-9]{1,15}([.][0-9]{1,9})?$', 0) AS DOUBLE)"
ROUNDED = "floor, ceil or round first: Spark cuts a fraction off, DuckDB rounds"


Proof = Callable[[exp.Expr], bool]
"""Whether something outside of the query says which text stands in an expression."""


def unproven(_: exp.Expr) -> bool:
    """Say that nothing is known about any text."""
    return False


def argument_problems(tree: exp.Expr, proven: Proof = unproven) -> Iterator[Problem]:
    """Find expressions, in a resolved and typed query, that are not the same on every engine."""
    for node in tree.walk():
        expected = [_cast(node, proven)] if isinstance(node, exp.Cast) else []
        expected += [rule(node) for kind, rule in _RULES if isinstance(node, kind)]
        yield from (Problem(snippet(node), text, span_of(node)) for text in expected if text is not None)


def cast_problem(value: exp.Expr, target: exp.DataType, proven: Proof = unproven) -> str | None:
    """Say what should stand in place of a cast of `value` to `target`; None where the engines agree."""
    source = value.type
    if source is None or isinstance(value, exp.Null):
        return None
    if source.this in _TEXTS and (target.this in _NUMBERS or target.this in _TIMES):
        known = isinstance(value, exp.Literal) or passed_pattern(value) or proven(value)
        return None if known else _text_guard(target)
    if target.this in _TEXTS:
        return _text_problem(source)
    if target.this in _INTEGERS and source.this in _NUMBERS - _INTEGERS:
        return None if isinstance(value.unnest(), exp.Floor | exp.Ceil | exp.Round) else ROUNDED
    if target.this in _NUMBERS and source.this in _TIMES:
        return "unix_micros(t): DuckDB makes a null of a time cast to a number"
    return None


def _text_guard(target: exp.DataType) -> str:
    """Say how text becomes a value of another type that is the same everywhere."""
    passed, why = "try_cast of text that a pattern has passed", "the engines read other text differently"
    if target.this in _TIMES:
        kind = "DATE" if target.this is exp.DataType.Type.DATE else "TIMESTAMP"
        return f"a field declared as ScalarType.{kind} in the event's schema, or {passed}: {why}"
    return f"{passed}, for instance {_WHOLE if target.this in _INTEGERS else _FRACTION}: {why}"


def _text_problem(source: exp.DataType) -> str | None:
    if source.this in _NUMBERS - _INTEGERS:
        return "cast(round(…) AS BIGINT): the engines write a fractional number differently as text"
    if source.this in _TIMES - {exp.DataType.Type.DATE}:
        return "date_format(t, 'yyyy-MM-dd HH:mm:ss'): the engines write a time differently"
    return None


def _cast(node: exp.Cast, proven: Proof) -> str | None:
    value = node.this
    if _is_text(value) and proven(value):
        return None
    problem = cast_problem(value, node.to, proven)
    if problem is not None:
        return problem
    risky = _is_text(value) and not isinstance(value, exp.Literal)
    if risky and node.to.this not in _TEXTS and not node.args.get("safe"):
        return "try_cast: one text that can't be cast stops the whole batch on Spark"
    return None


def _division(node: exp.Div | exp.Mod | exp.IntDiv) -> str | None:
    divisor = node.expression.unnest()
    nonzero = isinstance(divisor, exp.Literal) and not divisor.is_string and float(divisor.this) != 0
    if nonzero or isinstance(divisor, exp.Nullif):
        return None
    return "nullif(…, 0) as the divisor: a zero stops the whole batch on Spark"


def _is_text(node: exp.Expr) -> bool:
    return node.type is not None and node.type.this in _TEXTS


def _is_number(node: exp.Expr) -> bool:
    return node.type is not None and node.type.this in _NUMBERS


def _mixed(node: exp.Binary) -> str | None:
    left, right = node.this, node.expression
    if (_is_text(left) and _is_number(right)) or (_is_number(left) and _is_text(right)):
        number = (right if _is_text(left) else left).type
        return f"values of one type on both sides; from text by {_text_guard(number)}" if number is not None else None
    return None


def _one_type(node: exp.Expr) -> str | None:
    return "values of one type, of a number by string(…)" if _are_mixed(_compared(node)) else None


def _are_mixed(values: Sequence[exp.Expr | None]) -> bool:
    given = [value for value in values if value is not None]
    return any(map(_is_text, given)) and any(map(_is_number, given))


def _compared(node: exp.Expr) -> list[exp.Expr | None]:
    """Return the values that are compared with each other, or of which the result is one."""
    if isinstance(node, exp.If | exp.Nvl2):
        return [node.args.get("true"), node.args.get("false")]
    if isinstance(node, exp.Between):
        return [node.this, node.args.get("low"), node.args.get("high")]
    if isinstance(node, exp.Case):
        return [*(branch.args.get("true") for branch in node.args["ifs"]), node.args.get("default")]
    return [node.this, node.args.get("expression"), *node.expressions]


def _operand(node: exp.Case) -> str | None:
    operands = [node.this, *(branch.this for branch in node.args["ifs"])]
    mixed = node.this is not None and _are_mixed(operands)
    return "values of one type after CASE and WHEN, of a number by string(…)" if mixed else None


def _parameter(_: exp.Placeholder | exp.Parameter) -> str:
    return "a value that is written out: nobody gives a query's parameters a value"


def _date_pattern(node: exp.TimeToStr) -> str | None:
    pattern = node.args.get("format")
    known = isinstance(pattern, exp.Literal) and not any(
        letter.isalpha() or letter == "'" for letter in _DATE_DIRECTIVE.sub("", pattern.this)
    )
    return None if known else "a pattern of yyyy, MM, dd, HH, mm, ss, SSSSSS, E, MMM and signs between them"


def _pattern(node: exp.Expr) -> str | None:
    pattern = node.expression
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        return "a pattern that is written out"
    problem = sql_pattern_problem(pattern.this)
    if problem is None:
        return None
    return f"a pattern that Java and RE2 read alike, of characters, [a-z], groups and {{1,9}}; this one has {problem}"


def _extraction(node: exp.RegexpExtract) -> str | None:
    problem = _pattern(node)
    if problem:
        return problem
    group = node.args.get("group")
    number = int(group.this) if isinstance(group, exp.Literal) and group.this.isdigit() else 1
    groups = re.compile(node.expression.this).groups
    return None if number <= groups else f"a group number up to {groups}; 0 is the whole match, 1 the default"


def _replacement(node: exp.RegexpReplace) -> str | None:
    text = node.args.get("replacement")
    plain = isinstance(text, exp.Literal) and not set(text.this) & set("$\\")
    return _pattern(node) or (
        None if plain else "a replacement without group references, whose signs differ; or concat(…)"
    )


def _position(node: exp.Substring | exp.SplitPart) -> str | None:
    start = node.args.get("start") or node.args.get("part_index")
    if isinstance(start, exp.Literal) and start.this == "0":
        return "positions from 1, or negative ones from the end"
    return None


def _item(node: exp.Bracket) -> str | None:
    first_part = isinstance(node.this, exp.RegexpSplit) and [item.sql() for item in node.expressions] == ["0"]
    if node.args.get("safe"):
        return place_problem(node)
    if first_part:
        return None
    return "try_element_at(…, n), counted from 1: a missing item stops the whole batch on Spark"


def _list_order(node: exp.ArrayAgg | exp.ArrayUniqueAgg) -> str | None:
    holder = node.parent.parent if isinstance(node.parent, exp.Filter) else node.parent
    return None if isinstance(holder, exp.ArraySort) else "sort_array(…) around it: the order of rows is not fixed"


def _sha2(node: exp.SHA2) -> str | None:
    length = node.args.get("length")
    return None if length is None or length.sql() == "256" else "sha2(…, 256)"


def _extract(node: exp.Extract) -> str | None:
    return None if node.name.upper() in _EXTRACTS else f"one of {', '.join(sorted(_EXTRACTS))}"


def _truncate(node: exp.TimestampTrunc) -> str | None:
    unit = node.args.get("unit")
    known = unit is not None and unit.name.upper() in _TRUNCATIONS
    return None if known else f"a unit written out: one of {', '.join(sorted(_TRUNCATIONS))}"


def _extreme(node: exp.Max | exp.Min) -> str | None:
    nested = node.this.type is not None and node.this.type.this in exp.DataType.NESTED_TYPES
    return "row_number() in an inner query: the engines order nulls inside structs differently" if nested else None


def _lambda(node: exp.Lambda) -> str | None:
    return (
        None if len(node.expressions) == 1 else "a function of the item alone: the engines count positions differently"
    )


def _window(node: exp.Window) -> str | None:
    distinct = node.this.find(exp.Distinct)
    return (
        "a JOIN with an inner query and its GROUP BY: Spark has no DISTINCT in a window function" if distinct else None
    )


_RULES: tuple[tuple[type | tuple[type, ...], Callable[..., str | None]], ...] = (
    ((exp.Div, exp.Mod, exp.IntDiv), _division),
    (_COMPARISONS, _mixed),
    (_ARITHMETIC, _mixed),
    (_ALIKE, _one_type),
    (exp.Case, _operand),
    ((exp.Placeholder, exp.Parameter), _parameter),
    (exp.TimeToStr, _date_pattern),
    ((exp.RegexpLike, exp.RegexpSplit, exp.RegexpCount), _pattern),
    (exp.RegexpExtract, _extraction),
    (exp.RegexpReplace, _replacement),
    ((exp.Substring, exp.SplitPart), _position),
    ((exp.Left, exp.Right, exp.Substring), length_problem),
    ((exp.Ln, exp.Log), logarithm_problem),
    (exp.Pad, padding_problem),
    (exp.SplitPart, delimiter_problem),
    (exp.Chr, letter_problem),
    ((exp.RegexpReplace, exp.RegexpCount, exp.RegexpSplit), empty_match_problem),
    (exp.Bracket, _item),
    ((exp.ArrayAgg, exp.ArrayUniqueAgg), _list_order),
    (exp.SHA2, _sha2),
    (exp.Extract, _extract),
    (exp.TimestampTrunc, _truncate),
    ((exp.Max, exp.Min), _extreme),
    (exp.Lambda, _lambda),
    (exp.Window, _window),
)
