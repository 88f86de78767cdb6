"""The plugin's Silver transform on Spark. A record it fails on goes to quarantine; the batch goes on.

SQL runs as Spark's own. Where a row makes it fail, Spark ends the whole job and does not say which row it was. The
workers then look for such rows as the embedded engine does, and whether what is left fails on Spark alone is found by
halving, which takes some jobs for each row. A function ran in the workers already (see `worker`).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf

from streaming_assets.contract import EventSource
from streaming_assets.engines.broken_plugin import ALL_FAIL, MOST_FAILURES, broken_silver
from streaming_assets.engines.embedded.decide import MISFITS
from streaming_assets.engines.spark.columns import casts, ddl, literal, name
from streaming_assets.engines.spark.failures import DEFINITION_ERRORS, RECORD_ERRORS, first_line
from streaming_assets.engines.spark.worker import BROKEN, Isolate, for_workers
from streaming_assets.engines.sql import CARRIED, SPARK, silver_query
from streaming_assets.errors import PluginError
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
    """Of the rows before those without a required value were taken out: how many `rows`, `low` and `high` event time,
    all `days`, and under `null_<place>` how many lack the required column of that place."""


def transform(session: SparkSession, source: EventSource, decided: DataFrame) -> Transformed:
    """Transform the records that fit.

    Args:
        session: The session.
        source: The source.
        decided: Decided records, as `worker.decided_schema`; they are gone through more than once.

    Raises:
        PluginError: The transform fails whatever the record.
    """
    if source.silver.function is not None:
        _expect_sound(source, decided)
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
        misfits = misfits.unionByName(told)
        refined = _evaluated(session, source, _without(events, told))
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
            raise broken_silver(source, _null_for_every(each))
    if not nulls:
        return Transformed(refined, misfits, found)
    cases = " ".join(f"WHEN {name(each)} IS NULL THEN {literal(_null(each))}" for each in nulls)
    checked = refined.selectExpr("*", f"CASE {cases} END AS _sa_null")
    added = checked.where("_sa_null IS NOT NULL").selectExpr(
        *map(name, COORDINATES), "batch", f"'{Reason.SILVER_FAILED}' AS reason", "CAST(NULL AS STRING) AS field",
        "_sa_null AS detail",
    )  # fmt: skip
    return Transformed(checked.where("_sa_null IS NULL").drop("_sa_null"), misfits.unionByName(added), found)


def _isolate(session: SparkSession, source: EventSource, events: DataFrame) -> pa.Table:
    """Find the records that the transform fails on; return them as misfits."""
    told = events.mapInArrow(Isolate(for_workers(source)), ddl(MISFITS)).limit(MOST_FAILURES).toArrow().cast(MISFITS)
    failed = told.to_pylist()
    rest = _without(events, session.createDataFrame(told))
    key = f"xxhash64({', '.join(_CARRIED_PLACE)})"
    groups = [(0, 1)]
    while groups and len(failed) < MOST_FAILURES:
        group, of = groups.pop()
        some = rest.where(f"pmod({key}, {of}) = {group}")
        try:
            _evaluated(session, source, some).write.format("noop").mode("overwrite").save()
        except RECORD_ERRORS as error:
            rows = some.select(*_CARRIED_PLACE, CARRIED["batch"]).limit(2).toArrow().to_pylist()
            if len(rows) > 1:
                groups += [(group, 2 * of), (group + of, 2 * of)]
                continue
            place = {each: rows[0][CARRIED[each]] for each in (*COORDINATES, "batch")}
            failed.append({**place, "reason": Reason.SILVER_FAILED.value, "field": None, "detail": first_line(error)})
    _expect_no_pattern(source, Counter(each["detail"] for each in failed), events.count())
    return pa.Table.from_pylist(failed, schema=MISFITS)


def _without(events: DataFrame, misfits: DataFrame) -> DataFrame:
    places = misfits.selectExpr(*(f"{name(each)} AS {CARRIED[each]}" for each in COORDINATES))
    return events.join(places, _CARRIED_PLACE, "left_anti")


def _expect_no_pattern(source: EventSource, failures: Counter[str], events: int) -> None:
    """Refuse a transform that fails on so many of the events, or on all in the same way, that it must be broken."""
    if failures.total() >= MOST_FAILURES:
        raise broken_silver(source, f"{MOST_FAILURES:,} records failed, the last with: {[*failures][-1]}")
    if failures.total() == events >= ALL_FAIL and len(failures) == 1:
        raise broken_silver(source, *failures)


def _expect_sound(source: EventSource, decided: DataFrame) -> None:
    """Refuse a function that fails whatever the record: a worker sees too few of them to tell.

    Raises:
        PluginError: It does, or does not give one row for each event.
    """
    rows = decided.where(f"coalesce(_sa_reason, '{BROKEN}') IN ('{BROKEN}', '{Reason.SILVER_FAILED}')")
    # In this order, so that what can't be done without is not cut off: those that fit, and BROKEN.
    some = rows.groupBy("_sa_reason", "_sa_detail").count().orderBy("_sa_reason").limit(2 * MOST_FAILURES).toArrow()
    failures: Counter[str] = Counter()
    left = 0
    for reason, detail, count in zip(*some.to_pydict().values(), strict=True):
        if reason == BROKEN:
            raise PluginError(**json.loads(detail))
        left += count
        if reason is not None:
            failures[detail] += count
    nulls = [(each, failures.pop(_null(each), 0)) for _, each in _required(source)]
    _expect_no_pattern(source, failures, left)
    left -= failures.total()
    for each, count in nulls:
        if count == left >= ALL_FAIL:
            raise broken_silver(source, _null_for_every(each))
        left -= count


def _null(column: str) -> str:
    return f"the required column {column} is null"


def _null_for_every(column: str) -> str:
    return f"{_null(column)} for every record"
