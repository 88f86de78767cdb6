"""Whether text that is cast can only be text that every engine reads alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from streaming_assets.contract import Rule
from streaming_assets.sqlcheck.problems import bare


def passed_pattern(value: exp.Expr) -> bool:
    """Whether a pattern in the query has passed the text: it cut the text out, or a branch tests it."""
    if value.find(exp.RegexpExtract):
        return True
    columns = {column.sql() for column in value.find_all(exp.Column)}
    tests = list(value.find_all(exp.RegexpLike))
    for condition in _conditions(value):
        tests += condition.find_all(exp.RegexpLike)
    return any(columns & {column.sql() for column in test.this.find_all(exp.Column)} for test in tests)


def passed_rule(value: exp.Expr, rules: Sequence[Rule]) -> bool:
    """Whether a rule of the schema says which text stands in a field, there where it is cast.

    A rule for some events counts inside a branch for just those: `CASE WHEN event = 'x' THEN …`.
    """
    field = bare(value)
    return any(
        rule.pattern is not None and rule.field.lower() == field and _holds(value, rule)
        for rule in rules
        if rule.unless is None
    )


def _holds(value: exp.Expr, rule: Rule) -> bool:
    if rule.when is None:
        return True
    name, texts = rule.when
    return any(_says(part, name, texts) for condition in _conditions(value) for part in _parts(condition))


def _says(part: exp.Expr, name: str, texts: Sequence[str]) -> bool:
    if isinstance(part, exp.EQ):
        sides = (part.this, part.expression)
        return any(bare(a) == name.lower() and _is_text(b, texts) for a, b in (sides, sides[::-1]))
    if isinstance(part, exp.In) and part.expressions:
        return bare(part.this) == name.lower() and all(_is_text(item, texts) for item in part.expressions)
    return False


def _is_text(node: exp.Expr, texts: Sequence[str]) -> bool:
    return isinstance(node, exp.Literal) and node.is_string and node.this in texts


def _parts(condition: exp.Expr) -> Iterator[exp.Expr]:
    condition = condition.unnest()
    yield from condition.flatten() if isinstance(condition, exp.And) else [condition]


def _conditions(value: exp.Expr) -> Iterator[exp.Expr]:
    """Give the conditions of the branches that a value stands in."""
    node = value
    while node.parent is not None:
        if isinstance(node.parent, exp.If) and node.arg_key == "true":
            yield node.parent.this
        node = node.parent
