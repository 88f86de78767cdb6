"""Operators that the parser knows from other databases, and Spark does not have."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from streaming_assets.sqlcheck.problems import Problem, span_at, span_of
from streaming_assets.sqlcheck.query import Query
from streaming_assets.sqlcheck.relations import DIALECT

_FIELD = "object.field, of a field that is declared in the event's schema as an object"
_PATTERN = "LIKE with % and _, or RLIKE '^…$'"

_SIGNS = {
    TokenType.DARROW: _FIELD,
    TokenType.HASH_ARROW: _FIELD,
    TokenType.DHASH_ARROW: _FIELD,
    TokenType.DQMARK: "coalesce(…, …)",
    TokenType.ISNULL: "IS NULL",
    TokenType.NOTNULL: "IS NOT NULL",
}
"""What to write instead, by the kind of word that nothing else is written by."""

_LIKE = {(TokenType.LIKE, "~~"): "LIKE", (TokenType.ILIKE, "~~*"): "ILIKE"}

_OPERATORS: dict[type[exp.Expr], tuple[str, str]] = {
    exp.JSONExtract: ("->", _FIELD),
    exp.JSONBContains: ("?", _FIELD),
    exp.JSONBContainsTopKey: ("?", _FIELD),
    exp.Glob: ("GLOB", _PATTERN),
    exp.SimilarTo: ("SIMILAR TO", _PATTERN),
    exp.Overlaps: ("OVERLAPS", "comparisons of the beginnings and ends"),
    exp.Collate: ("COLLATE", "no collation: the engines have different ones"),
}
"""The same, with the sign, of what is read: its words may be names of columns, and its arrow that of a function."""


def operator_problems(query: Query) -> Iterator[Problem]:
    """Find operators that are none of Spark's."""
    for token, following in pairwise(query.tokens):
        remedy = _SIGNS.get(token.token_type) or _LIKE.get((token.token_type, token.text))
        called = token.text.isalpha() and following.token_type == TokenType.L_PAREN  # a function of the same name
        if remedy is not None and not called:
            yield Problem(f"the operator {token.text}", remedy, span_at(token))
    for node in query.parsed.find_all(exp.Is, *_OPERATORS):
        if not isinstance(node, exp.Is):
            sign, remedy = _OPERATORS[type(node)]
            yield Problem(f"the operator {sign}", remedy, span_of(node))
        elif not isinstance(node.expression, exp.Null | exp.Boolean):
            what = node.expression.sql(dialect=DIALECT)
            yield Problem(f"IS {what}", "NULL, TRUE or FALSE after IS, or <=>", span_of(node))
