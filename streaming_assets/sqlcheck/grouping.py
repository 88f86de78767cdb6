"""Whether a query groups as SQL does: columns beside an aggregate are grouped by, and aggregates stand where they may.

No engine runs what is told here; sqlglot reads it nevertheless.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from streaming_assets.sqlcheck.locality import aggregates, group_columns, over_window
from streaming_assets.sqlcheck.problems import Problem, snippet, span_of
from streaming_assets.sqlcheck.query import Resolved

_SETS = (exp.Rollup, exp.Cube, exp.GroupingSets)

_INNER_WINDOW = "row_number() and its like in the SELECT list of an inner query, and a WHERE on it"
_NAMED_GROUPS = "GROUP BY and the names of the columns: ALL groups by the window function, too"
_OF_A_ROW = "what one row has; an aggregate stands in the SELECT list or in HAVING"


def grouping_problems(resolved: Resolved) -> Iterator[Problem]:
    """Find columns that are neither grouped by nor aggregated, and aggregates where none may stand."""
    for scope in resolved.scopes:
        if isinstance(scope.expression, exp.Select):
            yield from _misplaced(scope.expression)
            yield from _nested(scope.expression)
            yield from _nested_windows(scope.expression)
            yield from _ungrouped(scope, scope.expression)


def _misplaced(select: exp.Select) -> Iterator[Problem]:
    where = select.args.get("where")
    conditions = [join.args["on"] for join in select.args.get("joins") or [] if join.args.get("on") is not None]
    yield from _found([where] if where is not None else [], "WHERE", "HAVING after GROUP BY")
    yield from _found(conditions, "JOIN", "a join with an inner query that has the aggregate as a column")
    group, having = select.args.get("group"), select.args.get("having")
    yield from _found(group.expressions if group is not None else [], "GROUP BY", _OF_A_ROW)
    by_all = select.selects if group is not None and group.args.get("all") else []
    for window in _windows(select, [item for item in by_all if not _has_aggregate(select, item)]):
        yield Problem(f"{snippet(window)} in GROUP BY ALL", _NAMED_GROUPS, span_of(window))
    for window in _windows(select, [having] if having is not None else []):
        yield Problem(f"{snippet(window)} in HAVING", _INNER_WINDOW, span_of(window))


def _found(parts: Sequence[exp.Expr], clause: str, expected: str) -> Iterator[Problem]:
    for part in parts:
        for node in _own(part):
            instead = _INNER_WINDOW if isinstance(node, exp.Window) else expected
            yield Problem(f"{snippet(node)} in {clause}", instead, span_of(node))


def _nested(select: exp.Select) -> Iterator[Problem]:
    for outer in aggregates(select):
        condition = [outer.parent.expression] if isinstance(outer.parent, exp.Filter) else []
        for part in [*outer.iter_expressions(), *condition]:
            for inner in _own(part):
                found = f"{snippet(inner)} inside of the aggregate {snippet(outer)}"
                yield Problem(found, f"{snippet(inner)} as a column of an inner query", span_of(inner))


def _nested_windows(select: exp.Select) -> Iterator[Problem]:
    for outer in _windows(select, [select]):
        for inner in _windows(select, list(outer.iter_expressions())):
            found = f"{snippet(inner)} inside of the window function {snippet(outer)}"
            yield Problem(found, f"{snippet(inner)} as a column of an inner query", span_of(inner))


def _windows(select: exp.Select, parts: Sequence[exp.Expr]) -> Iterator[exp.Window]:
    """Yield the window functions in parts of a SELECT, but none of inner queries."""
    for part in parts:
        for window in part.find_all(exp.Window):
            if window.find_ancestor(exp.Select) is select:
                yield window


def _own(part: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the outermost aggregates and window functions, but none of inner queries."""
    for node in part.walk(bfs=False, prune=lambda each: isinstance(each, (exp.Query, exp.AggFunc, exp.Window))):
        if isinstance(node, exp.AggFunc | exp.Window):
            yield node


def _ungrouped(scope: Scope, select: exp.Select) -> Iterator[Problem]:
    group, functions = select.args.get("group"), aggregates(select)
    if group is not None and group.find(*_SETS):  # whose positions sqlglot does not write out
        return
    if group is None and not functions and select.args.get("having") is None:
        return
    if group is not None and group.args.get("all"):
        yield from _mixed_with_all(scope, select)
    columns: dict[str, exp.Column] = {}
    for part in _after_grouping(select):
        for column in _outside_aggregates(scope, part, group_columns(select) or []):
            columns.setdefault(_written(column), column)
    if group is not None:
        for name, column in columns.items():
            found = f"the column {name!r}, which is neither grouped by nor aggregated"
            expected = f"{name} in GROUP BY as well, or an aggregate of it, such as max({name})"
            yield Problem(found, expected, span_of(column))
    elif columns:
        beside = snippet(functions[0]) if functions else "HAVING"
        names, (first, column) = ", ".join(columns), next(iter(columns.items()))
        expected = f"GROUP BY {names}; or an aggregate of each, such as max({first})"
        yield Problem(f"{names} beside {beside}, without GROUP BY", expected, span_of(column))


def _mixed_with_all(scope: Scope, select: exp.Select) -> Iterator[Problem]:
    """Find grouped columns that stand beside an aggregate, which DuckDB takes only where GROUP BY names them."""
    for item in (item for item in select.selects if _has_aggregate(select, item)):
        wrong = list(_outside_aggregates(scope, item, group_columns(select) or []))  # which is told already
        for column in dict.fromkeys(_outside_aggregates(scope, item, [])):
            if column not in wrong:
                found = f"the column {_written(column)!r} and an aggregate in one expression, with GROUP BY ALL"
                yield Problem(found, "GROUP BY and the names of the columns: DuckDB does not mix them", span_of(column))


def _has_aggregate(select: exp.Select, item: exp.Expr) -> bool:
    return any(_is_aggregate(node) and node.find_ancestor(exp.Select) is select for node in item.walk())


def _after_grouping(select: exp.Select) -> list[exp.Expr]:
    """Return the parts of a SELECT that see groups instead of rows."""
    clauses = [select.args.get(key) for key in ("having", "order")]
    windows = select.args.get("windows") or []
    return [*select.selects, *(clause for clause in clauses if clause is not None), *windows]


def _outside_aggregates(scope: Scope, part: exp.Expr, grouped: Sequence[exp.Expr]) -> Iterator[exp.Column]:
    """Yield the columns of a SELECT's own relations in a part that no group and no aggregate gives."""
    items = [item for each in grouped for item in _items(each)]

    def settled(node: exp.Expr) -> bool:
        return isinstance(node, exp.Query) or _is_aggregate(node) or any(_same(node, item) for item in items)

    for node in part.walk(bfs=False, prune=settled):
        # Columns without a table are names of the result, in ORDER BY; those of other tables are of an outer query.
        if isinstance(node, exp.Column) and node.table in scope.selected_sources and not settled(node):
            yield node


def _is_aggregate(node: exp.Expr) -> bool:
    function = node.this if isinstance(node, exp.Filter) else node
    return isinstance(function, exp.AggFunc) and not over_window(function)


def _items(grouped: exp.Expr) -> Iterator[exp.Expr]:
    """Yield what a piece of GROUP BY groups by; of a column that USING joins, which is of both tables, either."""
    grouped = grouped.unnest()
    if isinstance(grouped, exp.Tuple):
        for each in grouped.expressions:
            yield from _items(each)
        return
    yield grouped
    yield from _sides(grouped)


def _sides(node: exp.Expr) -> list[exp.Expr]:
    """Return the columns that USING has made one of."""
    sides = [node.this, *node.expressions] if isinstance(node, exp.Coalesce) else []
    joined = all(isinstance(side, exp.Column) for side in sides) and len({side.name for side in sides}) == 1
    return sides if joined else []


def _same(node: exp.Expr, grouped: exp.Expr) -> bool:
    """Whether a piece of a query is what is grouped by; brackets and capitals of names make no difference."""
    node, grouped = node.unnest(), grouped.unnest()
    if any(_same(side, grouped) for side in _sides(node)):
        return True
    if type(node) is not type(grouped):
        return False
    if isinstance(node, exp.Identifier):
        return node.name.lower() == grouped.name.lower()
    return all(_same_value(node.args.get(key), grouped.args.get(key)) for key in {*node.args, *grouped.args})


def _same_value(one: object, other: object) -> bool:
    if isinstance(one, exp.Expr) and isinstance(other, exp.Expr):
        return _same(one, other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same_value, one, other))
    return (one or None) == (other or None)


def _written(column: exp.Column) -> str:
    """Write a column, or the field of it that is read, without its table."""
    names = [column.name]
    node: exp.Expr = column
    while isinstance(node.parent, exp.Dot) and node.parent.this is node:
        node = node.parent
        names.append(node.name)
    return ".".join(names)
