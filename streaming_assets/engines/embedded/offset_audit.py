"""Which offsets of a range are in Bronze, and how often.

Offsets are marked in strings of bits, one for each block of them: memory does not grow with the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import duckdb
import numpy as np

from streaming_assets.engines.audits import OffsetAudit
from streaming_assets.engines.embedded.duck import count, literal, read_parquet
from streaming_assets.engines.embedded.partitions import read_with_day
from streaming_assets.engines.embedded.samples import examples
from streaming_assets.engines.offset_ranges import ranges, within
from streaming_assets.lake.files import DataFile
from streaming_assets.lake.schemas import BRONZE, PLACE

_BLOCK = 65_536
_BLOCKS_AT_ONCE = 64


def audit_offsets(
    connection: duckdb.DuckDBPyConnection, files: Sequence[DataFile], spans: Mapping[int, tuple[int, int]]
) -> OffsetAudit:
    """Look for offsets that Bronze lacks or has twice; see `Engine.audit_offsets`."""
    connection.register("no_bronze", BRONZE.empty_table())
    relation = read_parquet(file.path for file in files) if files else "no_bronze"
    topic = _topic(connection, relation)
    inside = _inside(topic, spans)
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP VIEW places AS
        SELECT {PLACE}, "offset" // {_BLOCK} AS block, {inside} AS inside FROM {relation}
        """
    )
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE blocks AS
        SELECT "partition", block, count(*) AS records, bitstring_agg(("offset" % {_BLOCK})::INTEGER, 0, {_BLOCK - 1})
                   AS present
        FROM places WHERE inside GROUP BY ALL
        """
    )
    twice = f"""
        SELECT {PLACE} FROM places
        SEMI JOIN (SELECT "partition", block FROM blocks WHERE records > bit_count(present)) USING ("partition", block)
        WHERE inside GROUP BY ALL HAVING count(*) > 1
        """
    faults = {
        "more than once": twice,
        "outside the range": f"SELECT {PLACE} FROM places WHERE NOT inside",
        "in the partition of another day": _misplaced(connection, files, inside),
    }
    repeated, outside, misplaced = (count(connection, f"({query})") for query in faults.values())
    return OffsetAudit(
        records=int(connection.sql("SELECT coalesce(sum(records), 0) FROM blocks").fetchall()[0][0]),
        repeated=repeated,
        outside=outside,
        misplaced=misplaced,
        topic=topic,
        gaps={one: ranges(_gaps(connection, one, *span)) for one, span in spans.items()},
        examples=tuple(each for what, query in faults.items() for each in examples(connection, query, what)),
    )


def _topic(connection: duckdb.DuckDBPyConnection, relation: str) -> str | None:
    """Return the topic that Bronze was filled from: that of most rows, as a stranger's rows may be of another one."""
    found = connection.sql(f"SELECT topic FROM {relation} GROUP BY topic ORDER BY count(*) DESC, topic LIMIT 1")
    return next((str(topic) for (topic,) in found.fetchall()), None)


def _inside(topic: str | None, spans: Mapping[int, tuple[int, int]]) -> str:
    """Return the condition of the rows that are of a topic and in the range of their partition."""
    spanned = [f'"partition" = {one} AND "offset" >= {low} AND "offset" < {high}' for one, (low, high) in spans.items()]
    return f"topic = {literal(topic or '')} AND ({' OR '.join(f'({each})' for each in spanned) or 'false'})"


def _misplaced(connection: duckdb.DuckDBPyConnection, files: Sequence[DataFile], inside: str) -> str:
    """Return the query of the rows inside that lie in the partition of another day than that of their ingestion."""
    relation = read_with_day(connection, files, "ingested_date") if files else "no_bronze"
    other_day = "CAST(ingested_at AS DATE) IS DISTINCT FROM ingested_date"
    return f"SELECT {PLACE} FROM {relation} WHERE {other_day} AND {inside}"


def _gaps(connection: duckdb.DuckDBPyConnection, partition: int, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges from `low` up to `high` that are not marked, in order; neighbours may touch."""
    blocks = connection.execute(
        f"""
        SELECT block, CASE WHEN bit_count(present) < {_BLOCK} THEN CAST(present AS VARCHAR) END
        FROM blocks WHERE "partition" = {partition} ORDER BY block
        """
    )
    reached = low
    while some := blocks.fetchmany(_BLOCKS_AT_ONCE):
        for block, present in some:
            first = block * _BLOCK
            yield reached, first
            reached = first + _BLOCK
            if present is not None:
                absent = within(ranges(_runs(present, first)), low, high)
                yield from ((int(start), int(end)) for start, end in absent)
    yield reached, high


def _runs(present: str, first: int) -> Iterator[tuple[int, int]]:
    """Yield the runs of zeros in a text of bits."""
    absent = np.frombuffer(present.encode(), np.uint8) == ord("0")
    edges = np.flatnonzero(np.diff(absent, prepend=False, append=False)) + first
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
