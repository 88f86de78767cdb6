"""Whether a window function's order decides between any two rows.

Where it leaves ties, each engine, and each run, may number the tied rows in another way.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from streaming_assets.sqlcheck.locality import group_columns
from streaming_assets.sqlcheck.problems import Problem, bare, snippet, span_of
from streaming_assets.sqlcheck.query import Resolved

_NUMBERING = (exp.RowNumber, exp.Ntile)
_PICKING = (exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue)

_ROW = (frozenset({"event_id", "event_time"}), frozenset({"partition", "offset"}))
"""What identifies a row of `silver`: one id at two times is two events."""

Keys = tuple[frozenset[str], ...]


def tie_problems(resolved: Resolved) -> Iterator[Problem]:
    """Find window functions whose order leaves ties, as far as it can be seen in the query."""
    for scope in resolved.scopes:
        select = scope.expression
        if not isinstance(select, exp.Select):
            continue
        for window in select.find_all(exp.Window):
            if window.find_ancestor(exp.Select) is select and _depends_on_ties(window):
                yield from _problem(scope, window)


def _problem(scope: Scope, window: exp.Window) -> Iterator[Problem]:
    if window.args.get("order") is None and window.args.get("alias") is None:
        yield Problem(snippet(window), "an ORDER BY in it", span_of(window))
        return
    keys = _keys_before_windows(scope)
    given = {bare(part) for part in _ordered_by(scope, window)}
    if keys and not any(key <= given for key in keys):
        missing = ", ".join(sorted(min(keys, key=lambda key: (len(key - given), sorted(key))) - given))
        expected = f"an order without ties: {missing} at the end of ORDER BY"
        yield Problem(snippet(window), expected, span_of(window))


def _depends_on_ties(window: exp.Window) -> bool:
    function = window.this
    if isinstance(function, exp.IgnoreNulls | exp.RespectNulls):
        function = function.this
    if isinstance(function, _NUMBERING):
        return True
    order = window.args.get("order")
    if isinstance(function, _PICKING):
        # Of tied rows, all have the values they are ordered by; only other values can differ.
        ordered = {bare(column) for column in order.find_all(exp.Column)} if order is not None else set()
        return not {bare(column) for column in function.this.find_all(exp.Column)} <= ordered
    spec = window.args.get("spec")
    return order is not None and spec is not None and _is_rows_frame(spec)


def _is_rows_frame(spec: exp.WindowSpec) -> bool:
    whole = (spec.args.get("start"), spec.args.get("end")) == ("UNBOUNDED", "UNBOUNDED")
    return spec.args.get("kind") == "ROWS" and not whole


def _ordered_by(scope: Scope, window: exp.Window) -> list[exp.Expr]:
    alias = window.args.get("alias")
    named = scope.expression.args.get("windows") or []
    bases = [base for base in named if alias is not None and base.name.lower() == alias.name.lower()]
    parts: list[exp.Expr] = []
    for source in (window, *bases):
        parts += source.args.get("partition_by") or []
        order = source.args.get("order")
        parts += [item.this for item in order.expressions] if order is not None else []
    return parts


def _keys_before_windows(scope: Scope) -> Keys:
    """What identifies a row that the window functions of a SELECT see; empty where it is not known."""
    grouped = group_columns(scope.expression) if isinstance(scope.expression, exp.Select) else None
    if grouped is not None:
        return (frozenset(bare(column) for column in grouped),)
    if scope.expression.args.get("joins") or len(scope.selected_sources) != 1:
        return ()
    ((_, source),) = scope.selected_sources.values()
    return _ROW if isinstance(source, exp.Table) else _keys_of_result(source)


def _keys_of_result(scope: Scope) -> Keys:
    select = scope.expression
    if not isinstance(select, exp.Select):
        return ()
    names = {bare(item.unalias()): item.alias_or_name.lower() for item in select.selects}
    if select.args.get("distinct"):
        return (frozenset(names.values()),)
    if select.find(exp.Explode):
        return ()
    keys = _keys_before_windows(scope)
    return tuple(frozenset(names[part] for part in key) for key in keys if key <= set(names))
