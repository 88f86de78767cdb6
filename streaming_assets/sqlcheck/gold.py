"""Checks on Gold SQL: it reads `silver` only, and gives the same rows whenever and wherever it runs."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from streaming_assets.contract import GoldTable, SilverTable
from streaming_assets.errors import Fault
from streaming_assets.sqlcheck.arguments import argument_problems
from streaming_assets.sqlcheck.grouping import grouping_problems
from streaming_assets.sqlcheck.locality import locality_problems
from streaming_assets.sqlcheck.problems import Problem, nearest, snippet, span_of, span_of_word
from streaming_assets.sqlcheck.query import Query, Resolved
from streaming_assets.sqlcheck.relations import EVENTS, SILVER, silver_relation
from streaming_assets.sqlcheck.result import result_problems
from streaming_assets.sqlcheck.steps import query_problems
from streaming_assets.sqlcheck.ties import tie_problems

_RANKED = "row_number() over a unique order in an inner query, and a WHERE on it"

_CLAUSES = {
    "qualify": ("QUALIFY", f"{_RANKED}: Spark 4.0 does not have QUALIFY"),
    "limit": ("LIMIT", _RANKED),
    "offset": ("OFFSET", _RANKED),
    "laterals": ("LATERAL VIEW", "explode(…) in the SELECT list of an inner query"),
    "sort": ("SORT BY", "no order: a table has none"),
    "cluster": ("CLUSTER BY", "no order: a table has none"),
    "distribute": ("DISTRIBUTE BY", "no distribution: engines differ in it"),
    "hint": ("a hint", "no hint: engines differ in them"),
}

_SETS = (exp.Except, exp.Intersect)


def gold_faults(table: GoldTable, silver: SilverTable, where: str) -> list[Fault]:
    """Check the SQL of a Gold table against Silver's columns and the table's declared columns.

    Args:
        table: The Gold table; its types are right.
        silver: The Silver table it reads.
        where: Where the query stands in the definition.
    """

    def meaning(resolved: Resolved) -> Iterator[Problem]:
        yield from dict.fromkeys(argument_problems(resolved.tree))
        yield from result_problems(resolved.tree, table.columns)
        if not resolved.problems:  # where columns are unknown, what depends on them can't be followed
            yield from dict.fromkeys(grouping_problems(resolved))
            yield from locality_problems(resolved, table)
            yield from tie_problems(resolved)

    problems = query_problems(table.sql, (SILVER, silver_relation(silver, table)), _structure, meaning)
    return [problem.fault(where, table.sql) for problem in problems]


def _structure(query: Query) -> Iterator[Problem]:
    tree = query.parsed
    for node in tree.find_all(exp.Select, exp.SetOperation):
        for key, (name, expected) in _CLAUSES.items():
            if node.args.get(key):
                yield Problem(name, expected, span_of_word(query.tokens, name.split()[0]))
    yield from _sources(tree)
    for node in tree.find_all(exp.SetOperation):
        if isinstance(node, _SETS) or node.args.get("distinct"):
            name = node.key.upper()
            yield Problem(name, "UNION ALL, or a join", span_of_word(query.tokens, name))


def _sources(tree: exp.Select) -> Iterator[Problem]:
    expected = f"{SILVER}, or a query of this statement's WITH"
    inner = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for name in sorted(inner & {SILVER, EVENTS}):
        yield Problem(found=f"a query of the name {name!r}", expected="another name: this one is taken")
    if any(clause.args.get("recursive") for clause in tree.find_all(exp.With)):
        yield Problem(found="WITH RECURSIVE", expected="a query that does not call itself")
    for table in tree.find_all(exp.Table):
        plain = isinstance(table.this, exp.Identifier) and not table.db
        if not plain or table.name.lower() not in {SILVER, *inner}:
            near = nearest(table.name, {SILVER, *inner})
            yield Problem(f"FROM {snippet(table)}", f"{near}: {expected}" if near else expected, span_of(table))
        elif table.args.get("sample") or table.args.get("pivots"):
            yield Problem(snippet(table), "the table as it stands", span_of(table))
    for node in tree.find_all(exp.Values, exp.Unnest, exp.TableFromRows):
        yield Problem(snippet(node), expected, span_of(node))
