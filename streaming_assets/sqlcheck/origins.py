"""Following a column through inner queries to the relation it comes from."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from streaming_assets.sqlcheck.query import projection


def origins(scope: Scope, expression: exp.Expr) -> set[str]:
    """Name the columns of the read relation that an expression's value is made of, in small letters."""
    found: set[str] = set()
    for column in expression.find_all(exp.Column):
        source = scope.sources.get(column.table)
        if isinstance(source, exp.Table):
            found.add(column.name.lower())
        elif source is not None:
            for inner, value in projection(source, column.name):
                found |= origins(inner, value)
    return found


def carries(scope: Scope, expression: exp.Expr, target: str) -> bool:
    """Whether an expression is, unchanged, the column `target` of the read relation."""
    expression = expression.unnest()
    if isinstance(expression, exp.Coalesce):
        # What USING makes of a column that both sides have.
        return all(carries(scope, side, target) for side in (expression.this, *expression.expressions))
    if not isinstance(expression, exp.Column):
        return False
    source = scope.sources.get(expression.table)
    if isinstance(source, exp.Table):
        return bool(expression.name.lower() == target.lower())
    if source is None:
        return False
    values = projection(source, expression.name)
    return bool(values) and all(carries(inner, value, target) for inner, value in values)
