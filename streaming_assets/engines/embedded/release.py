"""Verdicts of a replay written to quarantine: which records it released, and why the others are still there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import pyarrow as pa

from streaming_assets.engines.embedded.duck import count, name, read_parquet
from streaming_assets.engines.embedded.handover import write_while_computing
from streaming_assets.engines.protocol import Limits
from streaming_assets.engines.slices import Slice, slices
from streaming_assets.errors import TableError
from streaming_assets.lake.schemas import IN_QUARANTINE, MISFIT, PLACE, QUARANTINE, RELEASE
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.lake.tables import LakeTable

_PIECE = 10_000
"""Rows that are handed on at a time; each has a value of any length."""


def rewrite_verdicts(
    connection: duckdb.DuckDBPyConnection,
    quarantine: LakeTable,
    part: Slice,
    *,
    replay: int | None,
    metadata: Mapping[str, Any],
) -> None:
    """Rewrite a slice of quarantine with what the relation `verdicts` says of its records.

    `verdicts` has at most one row for a record: its coordinates, then either `released_batch` and `duplicate_of`,
    or `reason`, `field` and `detail`. Rows that were released before stay as they are.

    Args:
        connection: Where SQL runs.
        quarantine: The table.
        part: The slice: all files that hold any of its batches.
        replay: Batch of the replay that the table contains afterwards; None leaves that as it is.
        metadata: What is recorded with the commit.

    Raises:
        ConcurrentWrite: Another writer committed to the table.
        TableError: The table can't be written, or its log tells another number of rows than its files have.
    """
    pieces = connection.sql(_with_verdicts(part)).to_arrow_reader(_PIECE)

    def write(rows: pa.RecordBatchReader) -> None:
        where = f"batch > {part.after} AND batch <= {part.upto}"
        quarantine.rewrite(rows, where=where, replay=replay, metadata=metadata)

    write_while_computing(_all_of(part, pieces, quarantine), QUARANTINE, write)


def finish_release(
    connection: duckdb.DuckDBPyConnection, silver: LakeTable, quarantine: LakeTable, limits: Limits
) -> None:
    """Release what the last replay brought to Silver, if it ended before it could tell quarantine.

    Records of which it found the event in Silver stay: they can't be told apart any more, and the next replay
    finds them again.
    """
    batch = silver.replayed
    if batch <= quarantine.replayed:
        return
    files = _replayed_files(silver)
    for part in slices(quarantine.files(), NO_BATCH, limits) if files else ():
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE verdicts AS SELECT {PLACE}, batch AS released_batch, "
            f"{nulls('duplicate_of', *(field.name for field in MISFIT))} FROM {read_parquet(files)} "
            f"WHERE batch = {batch}"
        )
        stored = read_parquet(file.path for file in part.files)
        left = f"(SELECT 1 FROM {stored} SEMI JOIN verdicts USING ({PLACE}) WHERE {IN_QUARANTINE})"
        if released := count(connection, left):
            rewrite_verdicts(connection, quarantine, part, replay=None, metadata={"released": released})
    quarantine.complete(QUARANTINE.empty_table(), metadata={}, replay=batch)


def in_quarantine(silver: LakeTable, quarantine: LakeTable) -> str:
    """Return the condition of the rows in quarantine, also while a replay has not told it yet what it released."""
    files = _replayed_files(silver) if silver.replayed > quarantine.replayed else []
    if not files:
        return IN_QUARANTINE
    moved = f"SELECT ({PLACE}) FROM {read_parquet(files)} WHERE batch = {silver.replayed}"
    return f"{IN_QUARANTINE} AND ({PLACE}) NOT IN ({moved})"


def _replayed_files(silver: LakeTable) -> list[str]:
    """Return the files that may hold rows of the last replay."""
    batch = silver.replayed
    return [file.path for file in silver.files(newer_than=batch - 1) if file.low["batch"] <= batch]


def nulls(*columns: str) -> str:
    """Return columns of quarantine that hold nothing, as a SELECT list."""
    types = {"released_batch": "BIGINT"}
    return ", ".join(f"CAST(NULL AS {types.get(each, 'VARCHAR')}) AS {each}" for each in columns)


def _with_verdicts(part: Slice) -> str:
    changed = {
        **{field.name: f"CASE WHEN v.reason IS NULL THEN q.{field.name} ELSE v.{field.name} END" for field in MISFIT},
        **{field.name: f"coalesce(q.{field.name}, v.{field.name})" for field in RELEASE},
    }
    columns = ", ".join(f"{changed.get(each, f'q.{name(each)}')} AS {name(each)}" for each in QUARANTINE.names)
    return f"""
        SELECT {columns}
        FROM {read_parquet(file.path for file in part.files)} q
        LEFT JOIN verdicts v ON q.topic = v.topic AND q."partition" = v."partition" AND q."offset" = v."offset"
                                AND q.{IN_QUARANTINE}
    """


def _all_of(part: Slice, pieces: pa.RecordBatchReader, quarantine: LakeTable) -> Iterator[pa.RecordBatch]:
    """Pass on the slice's rows; with one too few or too many nothing is committed."""
    expected, rows = sum(file.records for file in part.files), 0
    for piece in pieces:
        rows += piece.num_rows
        yield piece.cast(QUARANTINE)
    if rows != expected:
        raise TableError(
            f"Table {quarantine.id.name} does not have the number of rows that its log records.",
            found=f"{rows:,} rows in the files of batches {part.after + 1} to {part.upto}",
            expected=f"{expected:,} rows",
            meaning="these rows were not touched, so that none is lost or duplicated",
            remedy=f"run `streaming-assets verify {quarantine.id.source}`: it names the records",
        )
