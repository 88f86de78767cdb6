"""Queries over a small Silver table, and what the checks find in them."""

from __future__ import annotations

from typing import Any

from streaming_assets.contract import Array, EventSchema, Field, GoldTable, Rule, ScalarType, SilverTable, Struct
from streaming_assets.sqlcheck import gold_faults, silver_faults

TEXT, LONG, DOUBLE = ScalarType.STRING, ScalarType.LONG, ScalarType.DOUBLE


TIME, DAY, BOOLEAN = ScalarType.TIMESTAMP, ScalarType.DATE, ScalarType.BOOLEAN


ACTOR = Struct(fields=(Field(name="login", type=TEXT), Field(name="id", type=LONG)))


SCHEMA = EventSchema(
    fields=(
        Field(name="id", type=TEXT),
        Field(name="kind", type=TEXT),
        Field(name="payload", type=ScalarType.TEXT),
        Field(name="amount", type=DOUBLE),
        Field(name="at", type=TIME),
        Field(name="actor", type=ACTOR),
        Field(name="tags", type=Array(items=TEXT)),
    ),
    event_time="at",
    rules=(Rule(field="payload", when=("kind", ("count",)), pattern="[0-9]{1,18}"),),
)


SILVER = SilverTable(
    columns=(
        Field(name="user_id", type=TEXT),
        Field(name="kind", type=TEXT),
        Field(name="payload", type=TEXT),
        Field(name="amount", type=DOUBLE),
        Field(name="n", type=LONG),
        Field(name="flag", type=BOOLEAN),
        Field(name="actor", type=ACTOR),
        Field(name="tags", type=Array(items=TEXT)),
    ),
    sql="",
)


WINDOW = {"window_start": TIME, "window_end": TIME}


def columns(**types: Any) -> tuple[Field, ...]:
    """Declare columns."""
    return tuple(Field(name=name, type=kind) for name, kind in types.items())


def table(sql: str, declared: dict[str, Any], **more: Any) -> GoldTable:
    """Declare a Gold table."""
    return GoldTable(name="t", description="A table.", sql=sql, columns=columns(**declared), keys=(), **more)


def gold(sql: str, declared: dict[str, Any], **more: Any) -> list[str]:
    """Check a Gold query; give its faults as text."""
    return [str(fault) for fault in gold_faults(table(sql, declared, **more), SILVER, "sql")]


def silver(sql: str, **declared: Any) -> list[str]:
    """Check a Silver query; give its faults as text."""
    return [str(fault) for fault in silver_faults(sql, SCHEMA, columns(**declared), "sql")]


def value(expression: str, kind: Any = TEXT) -> list[str]:
    """Check one expression over Silver's columns."""
    return gold(f"SELECT {expression} AS v FROM silver", {"v": kind})
