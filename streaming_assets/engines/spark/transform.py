"""The plugin's Silver transform on Spark. A record it fails on goes to quarantine; the batch goes on.

SQL runs as Spark's own. Where a row makes it fail, Spark ends the whole job and does not say which row it was; the
rows are then halved until the failing ones are found. A function ran in the workers already (see `worker`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from streaming_assets.contract import EventSource
from streaming_assets.engines.spark.caching import kept
from streaming_assets.engines.spark.columns import casts, literal, name
from streaming_assets.engines.spark.failures import DEFINITION_ERRORS, RECORD_ERRORS, first_line
from streaming_assets.engines.sql import CARRIED, SPARK, silver_query
from streaming_assets.errors import PluginError
from streaming_assets.fitting import Reason
from streaming_assets.lake.schemas import COORDINATES, silver_schema

_ALL_FAIL = 10
"""So many records, all of a slice, that fail in the same way: the transform is broken, not the records."""

_MOST_FAILURES = 1_000
"""So many records of one slice that fail: finding more of them one by one would look like a hang."""

_CARRIED_PLACE = [CARRIED[each] for each in COORDINATES]


@dataclass(frozen=True)
class Transformed:
    """A slice of Bronze, decided and transformed."""

    refined: DataFrame
    """The rows for Silver, without `event_date`."""
    misfits: DataFrame
    """The records that do not fit: coordinates, `batch`, `reason`, `field`, `detail`."""


@contextmanager
def transform(session: SparkSession, source: EventSource, decided: DataFrame) -> Iterator[Transformed]:
    """Transform the records that fit.

    Args:
        session: The session.
        source: The source.
        decided: Decided records, as `worker.decided_schema`.

    Raises:
        PluginError: The transform fails whatever the record.
    """
    places = [f"{CARRIED[each]} AS {name(each)}" for each in (*COORDINATES, "batch")]
    misfits = decided.where("_sa_reason IS NOT NULL").selectExpr(
        *places, "_sa_reason AS reason", "_sa_field AS field", "_sa_detail AS detail"
    )
    events = decided.where("_sa_reason IS NULL").drop("_sa_reason", "_sa_field", "_sa_detail")
    with kept(_evaluated(session, source, events)) as refined:
        try:
            total = refined.count()
        except RECORD_ERRORS:
            failed = _isolate(session, source, events)
        else:
            failed = []
        if failed:
            told = session.createDataFrame(failed)
            of = told.selectExpr(*(f"{name(each)} AS {CARRIED[each]}" for each in COORDINATES))
            rest = _evaluated(session, source, events.join(of, _CARRIED_PLACE, "left_anti"))
            total = rest.count()
        else:
            told, rest = None, refined
        yield _refuse_nulls(source, rest, misfits if told is None else misfits.unionByName(told), total)


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
        raise _broken(source, first_line(error)) from error


def _refuse_nulls(source: EventSource, refined: DataFrame, misfits: DataFrame, total: int) -> Transformed:
    """Take the rows out that have no value in a required column."""
    required = [column.name for column in source.silver.columns if column.required]
    if not required:
        return Transformed(refined, misfits)
    cases = " ".join(
        f"WHEN {name(each)} IS NULL THEN {literal(f'the required column {each} is null')}" for each in required
    )
    checked = refined.selectExpr("*", f"CASE {cases} END AS _sa_null")
    nulls = checked.where("_sa_null IS NOT NULL")
    if nulls.isEmpty():
        return Transformed(refined, misfits)
    if total >= _ALL_FAIL:
        kinds = nulls.groupBy("_sa_null").count().toArrow()
        if kinds.num_rows == 1 and kinds.column("count")[0].as_py() == total:
            raise _broken(source, f"{kinds.column('_sa_null')[0].as_py()} for every record")
    added = nulls.selectExpr(
        *map(name, COORDINATES), "batch", f"'{Reason.SILVER_FAILED}' AS reason", "CAST(NULL AS STRING) AS field",
        "_sa_null AS detail",
    )  # fmt: skip
    return Transformed(checked.where("_sa_null IS NULL").drop("_sa_null"), misfits.unionByName(added))


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
            if len(failed) == _MOST_FAILURES:
                raise _broken(source, f"{len(failed):,} records failed, the last with: {first_line(error)}") from error
    if len(failed) == events.count() >= _ALL_FAIL and len({each["detail"] for each in failed}) == 1:
        raise _broken(source, str(failed[0]["detail"]))
    return pa.Table.from_pylist(failed)


def _broken(source: EventSource, why: str) -> PluginError:
    return PluginError(
        f"The Silver {'SQL' if source.silver.function is None else 'function'} of {source.name} can't run.",
        found=why,
        meaning="nothing was written; Bronze has every record",
        remedy=f"fix the plugin (`streaming-assets plugins check {source.name}`), then run the refresh again",
    )
