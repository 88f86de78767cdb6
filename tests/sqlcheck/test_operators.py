"""Operators of other databases are refused, as Spark does not read them."""

from __future__ import annotations

from typing import Any

import pytest

from streaming_assets.contract import SilverTable
from streaming_assets.sqlcheck import gold_faults
from tests.support.queries import BOOLEAN, DOUBLE, LONG, TEXT, columns, table, value

FOREIGN = {
    "kind ->> 'a'": (TEXT, "the operator ->> at line 1, column 13", "object.field"),
    "kind -> 'a'": (TEXT, "the operator -> at line 1, column 8", "object.field"),
    "actor->>'login'": (TEXT, "the operator ->>", "object.field"),
    "transform(tags, tag -> tag -> 'a')": (TEXT, "the operator ->", "object.field"),
    "kind #>> '{a}'": (TEXT, "the operator #>>", "object.field"),
    "kind #> '{a}'": (TEXT, "the operator #>", "object.field"),
    "kind ? 'a'": (BOOLEAN, "the operator ?", "object.field"),
    "kind ?? 'a'": (TEXT, "the operator ??", "coalesce"),
    "kind GLOB 'a'": (BOOLEAN, "the operator GLOB", "LIKE"),
    "kind SIMILAR TO 'a'": (BOOLEAN, "the operator SIMILAR TO", "RLIKE"),
    "kind ~~ 'a'": (BOOLEAN, "the operator ~~", "LIKE"),
    "kind !~~* 'a'": (BOOLEAN, "the operator ~~*", "ILIKE"),
    "kind ISNULL": (BOOLEAN, "the operator ISNULL", "IS NULL"),
    "kind notnull": (BOOLEAN, "the operator notnull", "IS NOT NULL"),
    "kind COLLATE 'x'": (TEXT, "the operator COLLATE", "no collation"),
    "kind OVERLAPS kind": (BOOLEAN, "the operator OVERLAPS", "comparisons"),
    "n IS 1": (BOOLEAN, "IS 1", "<=>"),
    "kind IS JSON": (BOOLEAN, "IS JSON", "NULL, TRUE or FALSE"),
}


@pytest.mark.parametrize(("expression", "kind", "found", "remedy"), [(sql, *told) for sql, told in FOREIGN.items()])
def test_an_operator_that_spark_does_not_have_is_refused(expression: str, kind: Any, found: str, remedy: str) -> None:
    """What the parser knows from another database is named where it stands, with what to write instead."""
    faults = value(expression, kind)

    assert [fault for fault in faults if f"found {found}" in fault and remedy in fault], faults


OWN = {
    "actor.login": TEXT,
    "n IS NOT NULL": BOOLEAN,
    "flag IS NOT TRUE": BOOLEAN,
    "n IS DISTINCT FROM 1": BOOLEAN,
    "n <=> 1": BOOLEAN,
    "kind LIKE 'a%' OR kind ILIKE 'a%'": BOOLEAN,
    "amount::double": DOUBLE,
    "n DIV 2 % 3": LONG,
    "array_join(transform(tags, tag -> concat(tag, '!')), ',')": TEXT,
    "concat(kind, '~~', '->>', `kind`) -- a ->> b": TEXT,
}


@pytest.mark.parametrize(("expression", "kind"), OWN.items())
def test_an_operator_of_spark_is_let_through(expression: str, kind: Any) -> None:
    """Spark's own operators, and signs in texts and comments, are no fault."""
    assert value(f"{expression}\n", kind) == []


@pytest.mark.parametrize("name", ["overlaps", "similar"])
def test_a_word_may_be_the_name_of_a_column(name: str) -> None:
    """A column that is called as another database's operator is a column."""
    silver = SilverTable(columns=columns(**{name: TEXT}), sql="")

    assert gold_faults(table(f"SELECT {name} AS v FROM silver", {"v": TEXT}), silver, "sql") == []
