"""The plugin's Silver transform on Spark. A record it fails on goes to quarantine; the batch goes on.

SQL runs as Spark's own. Where a row makes it fail, Spark ends the whole job and does not say which row it was; the
rows are then halved until the failing ones are found. A function ran in the workers already (see `worker`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf

from streaming_assets.contract import EventSource
from streaming_assets.engines.broken_plugin import ALL_FAIL, MOST_FAILURES, broken_silver
from streaming_assets.engines.spark.columns import casts, literal, name
from streaming_assets.engines.spark.failures import DEFINITION_ERRORS, RECORD_ERRORS, first_line
from streaming_assets.engines.sql import CARRIED, SPARK, silver_query
from streaming_assets.fitting import Reason
from streaming_assets.lake.schemas import COORDINATES, silver_schema

Row = dict[str, Any]

_CARRIED_PLACE = [CARRIED[each] for each in COORDINATES]


@dataclass(frozen=True)
class Transformed:
    """A slice of Bronze, decided and transformed."""

    refined: DataFrame
    """The rows for Silver, without `event_date`."""
    misfits: DataFrame
    """The records that do not fit: coordinates, `batch`, `reason`, `field`, `detail`."""
    found: Row
    """Of the rows before those without a required value were taken out: `low` and `high` event time, and all `days`."""


def transform(session: SparkSession, source: EventSource, decided: DataFrame) -> Transformed:
    """Transform the records that fit.

    Args:
        session: The session.
        source: The source.
        decided: Decided records, as `worker.decided_schema`; they are gone through more than once.

    Raises:
        PluginError: The transform fails whatever the record.
    """
    places = [f"{CARRIED[each]} AS {name(each)}" for each in (*COORDINATES, "batch")]
    misfits = decided.where("_sa_reason IS NOT NULL").selectExpr(
        *places, "_sa_reason AS reason", "_sa_field AS field", "_sa_detail AS detail"
    )
    events = decided.where("_sa_reason IS NULL").drop("_sa_reason", "_sa_field", "_sa_detail")
    refined = _evaluated(session, source, events)
    try:
        found = _look(source, refined)
    except RECORD_ERRORS:
        told = session.createDataFrame(_isolate(session, source, events))
        of = told.selectExpr(*(f"{name(each)} AS {CARRIED[each]}" for each in COORDINATES))
        misfits = misfits.unionByName(told)
        refined = _evaluated(session, source, events.join(of, _CARRIED_PLACE, "left_anti"))
        found = _look(source, refined)
    return _refuse_nulls(source, refined, misfits, found)


def _look(source: EventSource, refined: DataFrame) -> Row:
    """Go through all rows, so that what fails does so here; return what is to be known of them."""
    nulls = [sf.count_if(sf.col(name(each)).isNull()).alias(f"null_{place}") for place, each in _required(source)]
    rows = refined.agg(
        sf.count("*").alias("rows"),
        sf.min("event_time").alias("low"),
        sf.max("event_time").alias("high"),
        sf.collect_set(sf.expr("CAST(event_time AS DATE)")).alias("days"),
        sf.bit_xor(sf.xxhash64(*(sf.col(name(each)) for each in refined.columns))).alias("all"),
        *nulls,
    )
    found: Row = rows.toArrow().to_pylist()[0]
    return found


def _required(source: EventSource) -> list[tuple[int, str]]:
    return [*enumerate(column.name for column in source.silver.columns if column.required)]


def _evaluated(session: SparkSession, source: EventSource, events: DataFrame) -> DataFrame:
    schema = silver_schema(source)
    schema = schema.remove(schema.get_field_index("event_date"))  # the day is added when rows are written
    if source.silver.function is not None:  # it ran in the workers
        carried = {each: CARRIED[each] for each in (*COORDINATES, "batch")}
        columns = [f"{name(carried.get(each, each))} AS {name(each)}" for each in schema.names]
        return events.selectExpr(*columns)
    events.createOrReplaceTempView("events")
    try:
        return session.sql(silver_query(source, SPARK)).selectExpr(*casts(schema))
    except DEFINITION_ERRORS as error:
        raise broken_silver(source, first_line(error)) from error


def _refuse_nulls(source: EventSource, refined: DataFrame, misfits: DataFrame, found: Row) -> Transformed:
    """Take the rows out that have no value in a required column."""
    nulls = {each: found[f"null_{place}"] for place, each in _required(source) if found[f"null_{place}"]}
    for each, count in nulls.items():
        if count == found["rows"] >= ALL_FAIL:
            raise broken_silver(source, f"the required column {each} is null for every record")
    if not nulls:
        return Transformed(refined, misfits, found)
    cases = " ".join(
        f"WHEN {name(each)} IS NULL THEN {literal(f'the required column {each} is null')}" for each in nulls
    )
    checked = refined.selectExpr("*", f"CASE {cases} END AS _sa_null")
    added = checked.where("_sa_null IS NOT NULL").selectExpr(
        *map(name, COORDINATES), "batch", f"'{Reason.SILVER_FAILED}' AS reason", "CAST(NULL AS STRING) AS field",
        "_sa_null AS detail",
    )  # fmt: skip
    return Transformed(checked.where("_sa_null IS NULL").drop("_sa_null"), misfits.unionByName(added), found)


def _isolate(session: SparkSession, source: EventSource, events: DataFrame) -> pa.Table:
    """Find the records that the transform fails on, by halving; return them as misfits."""
    key = f"xxhash64({', '.join(_CARRIED_PLACE)})"
    failed: list[dict[str, object]] = []
    groups = [(0, 1)]
    while groups:
        group, of = groups.pop()
        some = events.where(f"pmod({key}, {of}) = {group}")
        try:
            _evaluated(session, source, some).write.format("noop").mode("overwrite").save()
        except RECORD_ERRORS as error:
            rows = some.select(*_CARRIED_PLACE, CARRIED["batch"]).limit(2).toArrow().to_pylist()
            if len(rows) > 1:
                groups += [(group, 2 * of), (group + of, 2 * of)]
                continue
            place = {each: rows[0][CARRIED[each]] for each in (*COORDINATES, "batch")}
            why = {"reason": Reason.SILVER_FAILED.value, "field": None, "detail": first_line(error)}
            failed.append({**place, **why})
            if len(failed) == MOST_FAILURES:
                raise broken_silver(
                    source, f"{len(failed):,} records failed, the last with: {first_line(error)}"
                ) from error
    if len(failed) == events.count() >= ALL_FAIL and len({each["detail"] for each in failed}) == 1:
        raise broken_silver(source, str(failed[0]["detail"]))
    return pa.Table.from_pylist(failed)
