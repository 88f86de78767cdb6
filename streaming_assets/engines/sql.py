"""Plugin SQL, written in Spark's dialect, made ready for an engine."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from streaming_assets.contract import EventSource

SPARK = "spark"
DUCKDB = "duckdb"

CARRIED = {name: f"_sa_{name}" for name in ("event_id", "event_time", "topic", "partition", "offset", "batch")}
"""What Silver's rows carry besides the plugin's columns, and its name in `events`, where an event's own
field may have the plain one."""


def transpile(sql: str, dialect: str) -> str:
    """Translate a Spark query to an engine's dialect."""
    return sqlglot.parse_one(sql, read=SPARK).sql(dialect=dialect)


def silver_query(source: EventSource, dialect: str) -> str:
    """Return the source's Silver query, which also carries every event's identity and coordinates along."""
    if source.silver.sql is None:
        raise ValueError(f"the Silver table of {source.name} is a function")
    query = sqlglot.parse_one(source.silver.sql, read=SPARK)
    if not isinstance(query, exp.Select):
        raise TypeError(f"the Silver SQL of {source.name} is not a SELECT")
    extra = [exp.column(inside, quoted=True).as_(name, quoted=True) for name, inside in CARRIED.items()]
    return query.select(*extra, append=True).sql(dialect=dialect)
