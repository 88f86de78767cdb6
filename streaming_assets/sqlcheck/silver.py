"""Checks on Silver SQL: every event becomes one row, and no row depends on another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from streaming_assets.contract import EventSchema, Field
from streaming_assets.errors import Fault
from streaming_assets.sqlcheck.arguments import argument_problems
from streaming_assets.sqlcheck.guards import passed_rule
from streaming_assets.sqlcheck.problems import Problem, snippet, span_of, span_of_word
from streaming_assets.sqlcheck.query import Query, Resolved
from streaming_assets.sqlcheck.relations import EVENTS, relation
from streaming_assets.sqlcheck.result import result_problems
from streaming_assets.sqlcheck.steps import query_problems

_CLAUSES = {
    "with_": "WITH",
    "joins": "JOIN",
    "laterals": "LATERAL VIEW",
    "where": "WHERE",
    "group": "GROUP BY",
    "having": "HAVING",
    "qualify": "QUALIFY",
    "windows": "WINDOW",
    "distinct": "DISTINCT",
    "order": "ORDER BY",
    "sort": "SORT BY",
    "cluster": "CLUSTER BY",
    "distribute": "DISTRIBUTE BY",
    "limit": "LIMIT",
    "offset": "OFFSET",
    "hint": "a hint",
    "sample": "TABLESAMPLE",
    "pivots": "PIVOT",
}

_NOT_ROW_WISE = (exp.AggFunc, exp.Window, exp.UDTF, exp.Explode, exp.Subquery, exp.Exists)

_ROW_WISE = "one row for every event: `SELECT … FROM events` and nothing more"


def silver_faults(sql: str, schema: EventSchema, columns: Sequence[Field], where: str) -> list[Fault]:
    """Check Silver SQL against the event's fields and the declared columns.

    Args:
        sql: The query.
        schema: What an event looks like; its fields are the columns of `events`.
        columns: Declared columns of the Silver table.
        where: Where the query stands in the definition.
    """

    def meaning(resolved: Resolved) -> Iterator[Problem]:
        yield from dict.fromkeys(argument_problems(resolved.tree, lambda text: passed_rule(text, schema.rules)))
        yield from result_problems(resolved.tree, columns)

    problems = query_problems(sql, (EVENTS, relation(schema.fields)), _structure, meaning)
    return [problem.fault(where, sql) for problem in problems]


def _structure(query: Query) -> Iterator[Problem]:
    tree = query.parsed
    for key, name in _CLAUSES.items():
        if tree.args.get(key):
            yield Problem(name, _ROW_WISE, span_of_word(query.tokens, name.split()[0]))
    source = tree.args.get("from_")
    table = source.this if source is not None else None
    if not isinstance(table, exp.Table) or table.name.lower() != EVENTS or table.db:
        found = f"FROM {table.sql('spark')}" if table is not None else "no FROM"
        yield Problem(found, f"FROM {EVENTS}", span_of(table) if table is not None else None)
    elif table.args.get("sample") or table.args.get("pivots") or table.args.get("joins"):
        yield Problem(table.sql("spark"), f"FROM {EVENTS}", span_of(table))
    for node in tree.find_all(*_NOT_ROW_WISE):
        if not isinstance(node.parent, exp.Window):
            yield Problem(snippet(node), _ROW_WISE, span_of(node))
