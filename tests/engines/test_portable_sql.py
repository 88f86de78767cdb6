"""The rules of docs/sql.md: a refused form is refused, and a portable one gives the same rows on both engines."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from streaming_assets.contract import Array, Field, GoldTable, ScalarType, SilverTable
from streaming_assets.engines.embedded import duck
from streaming_assets.engines.sql import DUCKDB, transpile
from streaming_assets.lake.schemas import gold_schema
from streaming_assets.settings import load_settings
from streaming_assets.sqlcheck import gold_faults

DOCUMENT = Path(__file__).parents[2] / "docs" / "sql.md"
WORD = re.compile(r"\w+")

COLUMNS = {
    "kind": ScalarType.STRING,
    "text": ScalarType.STRING,
    "n": ScalarType.LONG,
    "amount": ScalarType.DOUBLE,
    "tags": Array(items=ScalarType.STRING),
}
SILVER = SilverTable(sql="", columns=tuple(Field(name=name, type=kind) for name, kind in COLUMNS.items()))
KINDS = {
    "string": ScalarType.STRING,
    "int": ScalarType.LONG,
    "bigint": ScalarType.LONG,
    "double": ScalarType.DOUBLE,
    "boolean": ScalarType.BOOLEAN,
    "timestamp": ScalarType.TIMESTAMP,
    "date": ScalarType.DATE,
    "array<string>": Array(items=ScalarType.STRING),
    "array<int>": Array(items=ScalarType.LONG),
}
"""What a result of a Spark type is declared as."""

EXTREMES = [
    ("Straße/İ-ß", "12", 3, 2.5, ["b", "a", "b"], datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)),
    ("", "", 0, 0.0, [], datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)),
    (None, None, None, None, None, datetime(2024, 3, 1, tzinfo=UTC)),
    ("ab/CD/ef", "-7", -3, -2.5, ["", "ü"], datetime(1600, 1, 1, 0, 0, 1, tzinfo=UTC)),
    ("aab", "3.5", 1, 1e17, ["x"], datetime(2024, 12, 30, 12, tzinfo=UTC)),
    ("😀a", " 1_000 ", 2, 0.1, ["😀", "a"], datetime(2024, 12, 30, 12, 30, tzinfo=UTC)),
    ("ab", "99999999999999999999", 3, -0.5, ["a"], datetime(9999, 12, 30, 23, 59, 59, tzinfo=UTC)),
    ("a'b\\c", "0x1F", 3, 1.5, ["a", "a"], datetime(2024, 3, 31, 2, 30, tzinfo=UTC)),
]


def rules() -> list[tuple[str, str]]:
    """Return what each row of the page's tables refuses, and what it names instead."""
    lines = [line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [(refused.strip("`"), portable) for refused, _, portable in cells]


def query(form: str) -> str:
    return form if form.startswith("SELECT") else f"SELECT {form} AS v FROM silver"


def table(form: str, kind) -> GoldTable:
    column = Field(name="v", type=kind, required=False)
    return GoldTable(name="t", description="A table.", sql=query(form), columns=(column,), keys=())


def expectations(form: str, kind) -> list[str]:
    """Return what the faults of a form say should stand there."""
    return [fault.expected for fault in gold_faults(table(form, kind), SILVER, "sql")]


@pytest.mark.parametrize(("refused", "portable"), rules(), ids=[refused for refused, _ in rules()])
def test_a_form_is_refused_with_the_portable_one(refused, portable):
    """Whatever its result is declared as, a form is refused, and the message has a word that the portable one adds."""
    told = [" ".join(expectations(refused, kind)) for kind in KINDS.values()]
    assert all(told)
    added = set(WORD.findall(portable)) - set(WORD.findall(refused))
    assert all(any(re.search(rf"\b{word}\b", text) for word in added) for text in told), told[0]


@pytest.mark.spark
def test_portable_forms_give_the_same_rows(spark_settings, tmp_path):
    """Each portable form has no fault, and gives the same rows on Spark and on DuckDB, over values at all ends."""
    from streaming_assets.engines.spark.columns import casts  # noqa: PLC0415 - it needs pyspark
    from streaming_assets.engines.spark.session import open_session  # noqa: PLC0415 - likewise

    rows = [dict(zip([*COLUMNS, "event_time"], row, strict=True)) for row in EXTREMES]
    schema = pa.schema([
        ("kind", pa.string()), ("text", pa.string()), ("n", pa.int64()), ("amount", pa.float64()),
        ("tags", pa.list_(pa.string())), ("event_time", pa.timestamp("us", "UTC")),
    ])  # fmt: skip
    silver = pa.Table.from_pylist(rows, schema).append_column("event_id", pa.array([f"e{row}" for row in range(8)]))
    settings = load_settings(home=tmp_path, lake=None, threads=1, **spark_settings)
    session = open_session(settings)
    session.createDataFrame(silver).createOrReplaceTempView("silver")
    forms = [portable.strip("`") for _, portable in rules() if portable.startswith("`")]
    found, expected = {}, {}
    with duck.connect(settings, b"") as connection:
        connection.register("silver", silver)
        for form in forms:
            result = session.sql(query(form))
            made = table(form, KINDS[result.schema["v"].dataType.simpleString()])
            assert gold_faults(made, SILVER, "sql") == [], form
            expected[form] = values(result.selectExpr(*casts(gold_schema(made))).toArrow())
            columns = duck.casts(connection, gold_schema(made))
            found[form] = values(duck.fetch(connection, f"SELECT {columns} FROM ({transpile(made.sql, DUCKDB)})"))
    assert found == expected


def values(rows: pa.Table) -> list[str]:
    """Return a column as text, in order, and of fractional numbers the nine digits that agree."""
    return sorted(f"{each:.9g}" if isinstance(each, float) else repr(each) for each in rows.column("v").to_pylist())
