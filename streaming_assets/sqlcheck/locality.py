"""Whether a row of a windowed or keyed table depends on the rows of its own window or key only.

Only the windows or keys that new events touch are computed again. A query that looks at others would
give rows that differ from the table recomputed as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from streaming_assets.contract import GoldTable
from streaming_assets.sqlcheck.origins import carries
from streaming_assets.sqlcheck.problems import Problem, snippet, span_of
from streaming_assets.sqlcheck.query import Resolved

WINDOW_START = "window_start"
WINDOW_END = "window_end"


def locality_problems(resolved: Resolved, table: GoldTable) -> Iterator[Problem]:
    """Find what makes a row depend on other windows or keys, as far as it can be seen in the query."""
    target = WINDOW_START if table.window is not None else table.per
    if target is None:
        return
    for scope in resolved.scopes:
        if isinstance(scope.expression, exp.Select):
            yield from _grouping(scope, scope.expression, target)
            yield from _windows(scope, scope.expression, target)
            yield from _joins(scope, scope.expression, target)
            yield from _inner_queries(scope, target)
    yield from _result(resolved, table, target)


def group_columns(select: exp.Select) -> list[exp.Expr] | None:
    """Give the expressions a SELECT groups by; None where it has no GROUP BY."""
    group = select.args.get("group")
    if group is None:
        return None
    if group.args.get("all"):
        return [item.unalias() for item in select.selects if not _has_function(select, item)]
    return list(group.expressions)


def _has_function(select: exp.Select, item: exp.Expr) -> bool:
    """Whether an aggregate function is called in a piece of a SELECT, besides those of inner queries."""
    return any(node.find_ancestor(exp.Select) is select for node in item.find_all(exp.AggFunc))


def aggregates(select: exp.Select) -> list[exp.AggFunc]:
    """Give the aggregate functions of a SELECT itself: not of inner queries, not over a window."""
    return [
        node
        for node in select.find_all(exp.AggFunc)
        if node.find_ancestor(exp.Select) is select and not over_window(node)
    ]


def over_window(node: exp.AggFunc) -> bool:
    """Whether an aggregate function is called over a window, and so keeps the rows apart."""
    holder = node.parent
    while isinstance(holder, exp.Filter | exp.IgnoreNulls | exp.RespectNulls):
        holder = holder.parent
    return isinstance(holder, exp.Window)


def _grouping(scope: Scope, select: exp.Select, target: str) -> Iterator[Problem]:
    group = select.args.get("group")
    if group is not None and any(group.args.get(key) for key in ("rollup", "cube", "grouping_sets")):
        yield Problem(snippet(group), f"GROUP BY {target}, …", span_of(group))
        return
    grouped = group_columns(select)
    if grouped is None:
        functions = aggregates(select)
        if functions:
            found = f"{snippet(functions[0])} without GROUP BY"
            yield Problem(found, f"GROUP BY {target}, …", span_of(functions[0]))
    elif group is not None and not any(carries(scope, column, target) for column in grouped):
        yield Problem(snippet(group), f"{target} among the columns of GROUP BY", span_of(group))
    if select.args.get("distinct") and not any(carries(scope, item.unalias(), target) for item in select.selects):
        yield Problem(found="SELECT DISTINCT", expected=f"{target} among its columns")


def _windows(scope: Scope, select: exp.Select, target: str) -> Iterator[Problem]:
    named = {window.name.lower(): window for window in select.args.get("windows") or []}
    for window in select.find_all(exp.Window):
        if window.find_ancestor(exp.Select) is not select or window in named.values():
            continue
        alias = window.args.get("alias")
        base = named.get(alias.name.lower()) if alias is not None else None
        parts = [*window.args.get("partition_by", []), *(base.args.get("partition_by", []) if base else [])]
        if not any(carries(scope, part, target) for part in parts):
            yield Problem(snippet(window), f"OVER (PARTITION BY {target}, …)", span_of(window))


def _joins(scope: Scope, select: exp.Select, target: str) -> Iterator[Problem]:
    for join in select.args.get("joins") or []:
        condition = join.args.get("on")
        parts = list(condition.flatten()) if isinstance(condition, exp.And) else [condition]
        if not any(_joins_on(scope, part, target) for part in parts):
            expected = f"a join on {target}, such as USING ({target}, …)"
            yield Problem(snippet(join), expected, span_of(join))


def _joins_on(scope: Scope, part: exp.Expr | None, target: str) -> bool:
    part = part.unnest() if part is not None else None
    if not isinstance(part, exp.EQ | exp.NullSafeEQ):
        return False
    tables = {column.table for column in part.find_all(exp.Column)}
    return len(tables) > 1 and carries(scope, part.this, target) and carries(scope, part.expression, target)


def _inner_queries(scope: Scope, target: str) -> Iterator[Problem]:
    for inner in scope.subquery_scopes:
        expected = f"a join on {target}: a query inside an expression looks at every row"
        yield Problem(snippet(inner.expression), expected, span_of(inner.expression))


def _result(resolved: Resolved, table: GoldTable, target: str) -> Iterator[Problem]:
    scope = resolved.scopes[-1]
    needed = (WINDOW_START, WINDOW_END) if table.window is not None else (target,)
    for name in needed:
        for select in resolved.tree.selects:
            if select.alias_or_name.lower() == name.lower() and not carries(scope, select.unalias(), name):
                found = f"{snippet(select)} as {name!r}"
                yield Problem(found, f"{name} as `silver` has it, unchanged", span_of(select))
