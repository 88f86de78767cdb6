"""Whether a query gives the declared columns, by name and by a type that can be cast alike everywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from sqlglot import exp

from streaming_assets.contract import Field
from streaming_assets.sqlcheck.arguments import cast_problem
from streaming_assets.sqlcheck.problems import Problem, Span, one_of, span_of
from streaming_assets.sqlcheck.relations import data_type, spark_type


def result_problems(tree: exp.Select, columns: Sequence[Field]) -> Iterator[Problem]:
    """Compare the result of a resolved and typed query with the declared columns; their order is free."""
    given = [name.lower() for name in tree.named_selects]
    declared = {column.name.lower(): column for column in columns}
    for name, times in Counter(given).items():
        if times > 1:
            yield Problem(f"the result column {name!r} {times} times", "each name once", _span(tree, name))
    for name in dict.fromkeys(given):
        if name not in declared:
            missing = [known for known in declared if known not in given]
            hint = one_of(name, missing) if missing else "a Field of that name among the columns, or no further column"
            yield Problem(f"the result column {name!r}, which is not declared", hint, _span(tree, name))
    for name, column in declared.items():
        if name not in given:
            found, expected = f"no result column {column.name!r}", "every declared column among those of the SQL"
            yield Problem(found, expected, column=column.name)
    yield from _type_problems(tree, declared)


def _span(tree: exp.Select, name: str) -> Span | None:
    """Return where a result column is named."""
    (select, *_) = [select for select in tree.selects if select.alias_or_name.lower() == name]
    alias = select.args.get("alias")
    return (span_of(alias) if isinstance(alias, exp.Identifier) else None) or span_of(select)


def _type_problems(tree: exp.Select, declared: dict[str, Field]) -> Iterator[Problem]:
    for select in tree.selects:
        column = declared.get(select.alias_or_name.lower())
        value = select.unalias()
        if column is None or value.type is None:
            continue
        target = data_type(column.type)
        expected = cast_problem(value, target) or _kind_problem(value.type, target)
        if expected is not None:
            found = f"the column {column.name!r} of type {value.type.sql('spark')}, declared {spark_type(column.type)}"
            yield Problem(found, expected, span_of(select))


def _kind_problem(given: exp.DataType, target: exp.DataType) -> str | None:
    kinds = exp.DataType.Type
    nested = {kinds.STRUCT, kinds.ARRAY, kinds.MAP}
    if given.this in {kinds.UNKNOWN, kinds.NULL}:
        return None
    if given.this in nested or target.this in nested:
        return None if given.this == target.this else "an expression of the declared type"
    boolean = kinds.BOOLEAN in {given.this, target.this}
    if boolean and given.this != target.this:
        return "an expression of the declared type"
    times = exp.DataType.TEMPORAL_TYPES
    if target.this in times and given.this in exp.DataType.NUMERIC_TYPES:
        return "an expression of the declared type"
    return None
