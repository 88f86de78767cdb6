"""Whether a query gives the declared columns, by name and by a type that can be cast alike everywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from sqlglot import exp

from streaming_assets.contract import Field
from streaming_assets.sqlcheck.arguments import cast_problem
from streaming_assets.sqlcheck.problems import Problem, one_of
from streaming_assets.sqlcheck.relations import data_type, spark_type


def result_problems(tree: exp.Select, columns: Sequence[Field]) -> Iterator[Problem]:
    """Compare the result of a resolved and typed query with the declared columns; their order is free."""
    given = [name.lower() for name in tree.named_selects]
    declared = {column.name.lower(): column for column in columns}
    for name, times in Counter(given).items():
        if times > 1:
            yield Problem(found=f"the result column {name!r} {times} times", expected="each name once")
    for name in dict.fromkeys(given):
        if name not in declared:
            missing = [known for known in declared if known not in given]
            hint = one_of(name, missing) if missing else "no further column"
            yield Problem(found=f"the result column {name!r}, which is not declared", expected=hint)
    for name, column in declared.items():
        if name not in given:
            yield Problem(found=f"no result column {column.name!r}", expected="every declared column")
    yield from _type_problems(tree, declared)


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
            yield Problem(found=found, expected=expected)


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
