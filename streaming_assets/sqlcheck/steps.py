"""The steps of checking a query: each begins where the one before left something to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streaming_assets.sqlcheck.functions import function_problems
from streaming_assets.sqlcheck.operators import operator_problems
from streaming_assets.sqlcheck.problems import Problem
from streaming_assets.sqlcheck.query import Query, Resolved, Unreadable, read_query, resolve
from streaming_assets.sqlcheck.relations import Relation


def query_problems(
    sql: str,
    reads: tuple[str, Relation],
    structure: Callable[[Query], Iterable[Problem]],
    meaning: Callable[[Resolved], Iterable[Problem]],
) -> list[Problem]:
    """Check a query.

    Args:
        sql: The query.
        reads: Name and columns of the relation it reads.
        structure: Checks what it is built of. Where that has problems, its columns are not looked at.
        meaning: Checks it once its columns are resolved.
    """
    try:
        query = read_query(sql)
    except Unreadable as unreadable:
        return [unreadable.problem]
    words = [*function_problems(query), *operator_problems(query)]
    if found := list(structure(query)):
        return [*found, *words]
    try:
        resolved = resolve(query, *reads)
    except Unreadable as unreadable:
        return words or [unreadable.problem]
    return [*words, *resolved.problems, *meaning(resolved)]
