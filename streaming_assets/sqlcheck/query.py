"""Reading a query: parsed, its columns resolved, its expressions typed."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from itertools import pairwise

from sqlglot import exp, parse
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import OptimizeError, ParseError, SqlglotError, TokenError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema
from sqlglot.tokenizer_core import Token, TokenType

from streaming_assets.sqlcheck.problems import Problem, Span, mark_spans, one_of, span_at, span_of
from streaming_assets.sqlcheck.relations import DIALECT, Relation

_UNKNOWN_COLUMN = re.compile(r"Unknown column: (\S+)")
_MISSING = re.compile(r"Missing (.*) from \d+:\d+")


class Unreadable(Exception):
    """The query can't be analysed any further; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        """Keep the problem."""
        self.problem = problem
        super().__init__(problem.found)


@dataclass(frozen=True, slots=True)
class Query:
    """A query over one relation."""

    parsed: exp.Select
    """As it was written."""
    tokens: tuple[Token, ...]
    """Its words, with their places."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A query whose columns are resolved and whose expressions are typed."""

    tree: exp.Select
    """Every column names the relation it comes from; stars and positions are written out."""
    scopes: tuple[Scope, ...]
    """Every SELECT in it, inner ones first."""
    problems: tuple[Problem, ...]
    """Unknown columns and fields."""


def read_query(sql: str) -> Query:
    """Parse a query.

    Raises:
        Unreadable: It is not one SELECT statement.
    """
    try:
        tokens = tuple(Dialect.get_or_raise(DIALECT).tokenize(sql))
        statements = [statement for statement in parse(sql, read=DIALECT) if statement is not None]
    except SqlglotError as error:
        raise Unreadable(_syntax_problem(error, sql)) from None
    _refuse_dangling_comma(tokens)
    if len(statements) != 1 or not isinstance(statements[0], exp.Select):
        kinds = ", ".join(statement.key.upper() for statement in statements) or "no statement"
        raise Unreadable(Problem(found=kinds, expected="one SELECT statement"))
    mark_spans(statements[0], sql)
    return Query(statements[0], tokens)


def resolve(query: Query, table: str, columns: Relation) -> Resolved:
    """Find for every column where it comes from, and for every expression its type.

    Raises:
        Unreadable: sqlglot can't make sense of it.
    """
    try:
        resolved, problems = _qualified(query.parsed, table, columns)
        scopes = tuple(traverse_scope(resolved))
    except Unreadable:
        raise
    except Exception as error:  # noqa: BLE001 - sqlglot fails in many ways on queries that make no sense
        found = f"a query that can't be analysed ({type(error).__name__}: {error})"
        raise Unreadable(Problem(found=found, expected="plainer SQL, with the right number of arguments")) from None
    unresolved = [problem for scope in scopes for problem in _unresolved(scope, columns)]
    problems += [*dict.fromkeys(unresolved), *_unknown_fields(resolved)]
    return Resolved(resolved, scopes, tuple(problems))


def _qualified(parsed: exp.Select, table: str, columns: Relation) -> tuple[exp.Select, list[Problem]]:
    # In quotes: names of events may be such that they are read as something else.
    schema = MappingSchema({table: {f"`{name}`": kind for name, kind in columns.items()}}, dialect=DIALECT)
    tree = parsed.copy()
    problems: list[Problem] = []
    while True:
        try:
            resolved = qualify(
                tree.copy(), schema=schema, dialect=DIALECT, validate_qualify_columns=False, quote_identifiers=False
            )
            return annotate_types(resolved, schema=schema, dialect=DIALECT), problems
        except OptimizeError as error:
            problems.append(_blank_unknown_column(tree, error, columns))


def names_of(source: exp.Expr | Scope, columns: Relation) -> list[str]:
    """Name the columns of what a SELECT reads: the relation itself, or an inner query."""
    return names_given(source) if isinstance(source, Scope) else list(columns)


def names_given(scope: Scope) -> list[str]:
    """Name the result columns of an inner query."""
    return list(scope.expression.named_selects) if isinstance(scope.expression, exp.Query) else []


def projection(source: Scope, name: str) -> list[tuple[Scope, exp.Expr]]:
    """Give the expressions that become a column of an inner query, one for each branch of a union."""
    if isinstance(source.expression, exp.SetOperation):
        names = names_given(source)
        index = names.index(name) if name in names else len(names)
        return [found for branch in source.set_operation_scopes for found in _projection_at(branch, index)]
    selects = source.expression.selects if isinstance(source.expression, exp.Select) else []
    return [(source, select.unalias()) for select in selects if select.alias_or_name == name]


def _projection_at(source: Scope, index: int) -> list[tuple[Scope, exp.Expr]]:
    names = names_given(source)
    return projection(source, names[index]) if index < len(names) else []


def _offset(sql: str, line: int, column: int) -> int:
    """Return how many characters stand up to a place that sqlglot names."""
    return sum(len(before) + 1 for before in sql.split("\n")[: line - 1]) + column


def _syntax_problem(error: SqlglotError, sql: str) -> Problem:
    if isinstance(error, ParseError) and error.errors:
        detail = error.errors[0]
        text = str(detail["highlight"])
        end = _offset(sql, int(detail["line"]), int(detail["col"]))
        return Problem(f"SQL that can't be read near {text!r}", "Spark SQL", (end - len(text), end))
    cause = _MISSING.match(str(error.__cause__)) if isinstance(error, TokenError) else None
    if cause:
        return Problem(f"a quotation that does not end (missing {cause[1]})", "Spark SQL", _opening(sql, cause[1]))
    if isinstance(error, TokenError) and _is_readable(sql + "*/" * sql.count("/*")):
        return Problem("a comment that does not end (missing */)", "Spark SQL", _opening(sql, "/*"))
    return Problem(found=f"SQL that can't be read: {error}", expected="Spark SQL")


def _opening(sql: str, mark: str) -> Span | None:
    """Return where begins what does not end: at the last mark up to which the query can be read."""
    starts = [match.start() for match in re.finditer(re.escape(mark), sql)]
    return next(((start, start + len(mark)) for start in reversed(starts) if _is_readable(sql[:start])), None)


def _is_readable(sql: str) -> bool:
    """Whether a query can be taken apart into its words."""
    with contextlib.suppress(SqlglotError):
        Dialect.get_or_raise(DIALECT).tokenize(sql)
        return True
    return False


def _refuse_dangling_comma(tokens: tuple[Token, ...]) -> None:
    # sqlglot overlooks it, Spark does not.
    for token, following in pairwise(tokens):
        if token.token_type == TokenType.COMMA and following.token_type == TokenType.FROM:
            raise Unreadable(Problem("a comma before FROM", "a further column, or no comma", span_at(token)))


def _blank_unknown_column(tree: exp.Select, error: OptimizeError, columns: Relation) -> Problem:
    # Qualifying stops at the first unknown column; with a null in its place it goes on to the next.
    match = _UNKNOWN_COLUMN.match(str(error))
    name = match[1].strip("`'\"") if match else ""
    unknown = [column for column in tree.find_all(exp.Column) if column.name.lower() == name.lower() and column.table]
    if not unknown:
        raise Unreadable(Problem(found=str(error), expected="a query whose columns can be resolved")) from None
    problem = _unknown_column(unknown[0], columns)
    for column in unknown:
        result = column.parent is not None and column.arg_key == "expressions" and isinstance(column.parent, exp.Select)
        column.replace(exp.alias_(exp.null(), column.name) if result else exp.null())
    return problem


def _unresolved(scope: Scope, columns: Relation) -> list[Problem]:
    problems = []
    for column in scope.columns:
        source = scope.sources.get(column.table)
        if source is None:
            known = [name for source in scope.sources.values() for name in names_of(source, columns)]
            problems.append(_unknown_column(column, known) if not _outer(scope, column) else None)
        elif column.name.lower() not in (name.lower() for name in names_of(source, columns)):
            problems.append(_unknown_column(column, names_of(source, columns)))
    return [problem for problem in problems if problem is not None]


def _outer(scope: Scope, column: exp.Column) -> bool:
    parent = scope.parent
    return bool(column.table) and parent is not None and (column.table in parent.sources or _outer(parent, column))


def _unknown_column(column: exp.Column, known: list[str] | Relation) -> Problem:
    name = column.name
    twice = sum(1 for other in known if other.lower() == name.lower()) > 1
    span = span_of(column.this)
    if twice:
        return Problem(f"the ambiguous column {name!r}", "the name of its table before it", span)
    shown = f"{column.table}.{name}" if column.table else name
    return Problem(f"the unknown column {shown!r}", one_of(name, known), span)


def _unknown_fields(tree: exp.Select) -> list[Problem]:
    problems = []
    for dot in tree.find_all(exp.Dot):
        kind = dot.this.type
        if kind is None or not kind.is_type(exp.DataType.Type.STRUCT) or isinstance(dot.expression, exp.Star):
            continue
        known = [field.name for field in kind.expressions]
        if known and dot.name.lower() not in (name.lower() for name in known):
            found = f"the unknown field in {dot.sql(DIALECT)!r}"
            problems.append(Problem(found, one_of(dot.name, known), span_of(dot.expression)))
    return problems
