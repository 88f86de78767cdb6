"""Bronze to Silver and quarantine, one slice of batches at a time.

Quarantine is committed before Silver. So what Silver contains up to its batch is complete in both tables,
and after a crash between the two commits the next run skips what quarantine contains already.

The steps pass rows on as temporary relations of DuckDB; each has one name, and holds what the newest slice made:

| relation | made by | a row is | columns | read by |
|-|-|-|-|-|
| `parsed` | `parse` | any record | the event's fields, `CARRIED`, `_sa_seen_at`, `_sa_fits` | `parse`, row audit |
| `doubtful` | `parse` | a record that the native check left | coordinates, `batch`, `seen_at` | `decide` |
| `misfits` | `parse`, `transform` | a record that does not fit | `decide.MISFITS` | `run`, replay, row audit |
| `fitting` | `parse` | a record that fits | the event's fields, `CARRIED` | `transform`, count audit |
| `events` | `transform` | the same, for the plugin | the same | the plugin's SQL |
| `refined` | `transform` | an event | Silver's but `event_date` | duplicates, `silver_rows`, replay, row audit |
| `duplicates` | `mark_duplicates` | a row of `refined` that is not to be in Silver | coordinates | `silver_rows` |
| `verdicts` | replay, `finish_release` | a record of quarantine | see `release.rewrite_verdicts` | `rewrite_verdicts` |

A slice's rows are fetched before its commit begins in another thread, so that the next slice may replace them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import duckdb
import pyarrow as pa

from streaming_assets.contract import EventSource
from streaming_assets.engines.embedded.decide import MISFITS, decide
from streaming_assets.engines.embedded.duck import count, event_columns, fetch, name, read_parquet
from streaming_assets.engines.embedded.native import NativeCheck, parsed_query
from streaming_assets.engines.embedded.release import finish_release
from streaming_assets.engines.embedded.transform import transform
from streaming_assets.engines.protocol import Limits, Refined
from streaming_assets.engines.refined_tables import open_tables
from streaming_assets.engines.slices import Slice, slices
from streaming_assets.engines.sql import CARRIED
from streaming_assets.lake.order import QUARANTINED_UPTO
from streaming_assets.lake.schemas import COORDINATES, IN_QUARANTINE, PLACE, QUARANTINE, RELEASE, silver_schema
from streaming_assets.lake.tables import LakeTable

_HAS_ID = """event_id <> concat("partition", '-', "offset")"""
"""An event that its coordinates identify repeats no other, whatever ids others bring."""


@dataclass
class Refiner:
    """Refines one source."""

    connection: duckdb.DuckDBPyConnection
    """Where SQL runs."""
    source: EventSource
    """The source."""
    lake: Path
    """Folder of the tables."""
    limits: Limits
    """How much is refined at once."""
    largest: int
    """Longest value, in bytes, that the native check looks at; `fitting` decides about longer ones one by one."""
    staging: Path | None = None
    """Folder of the tables in which Silver and quarantine are made anew; None: they are those of the lake."""

    def into(self, staging: Path) -> Self:
        """Return one that makes Silver and quarantine in another folder, from the lake's Bronze."""
        return replace(self, staging=staging)

    def run(self) -> Iterator[Refined]:
        """Refine what is new; see `Engine.refine`."""
        tables = open_tables(self.source, self.lake, self.staging or self.lake)
        if tables is None:
            return
        bronze, silver, quarantine = tables.bronze, tables.silver, tables.quarantine
        finish_release(self.connection, silver, quarantine, self.limits)
        parts = slices(bronze.files(newer_than=silver.batch), silver.batch, self.limits)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="commit") as committer:
            committing: Future[Refined] | None = None
            for part in parts:
                records = self.parse(part)
                self.transform()
                # What follows compares with Silver, so the slice before has to be in it; only parsing runs ahead.
                if committing is not None:
                    yield committing.result()
                committing = committer.submit(self._prepare_commit(part, records, silver, quarantine))
            if committing is not None:
                yield committing.result()
        tables.follow_empty(self.source)

    def _prepare_commit(
        self, part: Slice, records: int, silver: LakeTable, quarantine: LakeTable
    ) -> Callable[[], Refined]:
        """Tell duplicates and misfits from new rows; return what commits them."""
        stored = self._quarantined_before(part, quarantine)
        if stored:
            self._drop_quarantined(stored)
        duplicates = self.mark_duplicates(silver)
        quarantined = count(self.connection, "misfits")
        misfits = self._quarantine_rows(part, stored) if quarantined else QUARANTINE.empty_table()
        rows = self.silver_rows()
        counts = {"records": records, "silver": rows.num_rows, "quarantined": quarantined, "duplicates": duplicates}

        def commit() -> Refined:
            if misfits.num_rows and quarantine.batch < part.upto:
                quarantine.append(misfits, batch=part.upto, metadata={"quarantined": misfits.num_rows})
            elif misfits.num_rows:  # the definition changed after a crash, and more records do not fit than before
                quarantine.complete(misfits, metadata={"quarantined": misfits.num_rows})
            silver.append(rows, batch=part.upto, metadata={**counts, QUARANTINED_UPTO: quarantine.batch})
            return Refined(batch=part.upto, **counts)

        return commit

    def parse(self, part: Slice, *, where: str = "true") -> int:
        """Make the relations `fitting` (records that fit) and `misfits` from a slice; return its records."""
        records = f"""(
            SELECT {", ".join(map(name, (*COORDINATES, "batch")))}, least("timestamp", ingested_at) AS seen_at, value
            FROM {read_parquet(file.path for file in part.files)}
            WHERE batch > {part.after} AND batch <= {part.upto} AND {where}
        )"""
        query = parsed_query(NativeCheck(self.source.schema), records, self.largest)
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE parsed AS {query}")
        self._decide_doubtful(part, where)
        return count(self.connection, "parsed")

    def _decide_doubtful(self, part: Slice, where: str) -> None:
        places = ", ".join(f"{name(CARRIED[each])} AS {name(each)}" for each in (*COORDINATES, "batch"))
        self.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE doubtful AS SELECT {places}, _sa_seen_at AS seen_at "
            "FROM parsed WHERE NOT _sa_fits"
        )
        accepted, misfits = (
            decide(self.connection, self.source, part, where) if count(self.connection, "doubtful") else (None, None)
        )
        self.connection.register("misfits", misfits if misfits is not None else MISFITS.empty_table())
        native = "SELECT * EXCLUDE (_sa_fits, _sa_seen_at) FROM parsed WHERE _sa_fits"
        if accepted is not None and accepted.num_rows:
            self.connection.register("accepted", accepted)
            native += " UNION ALL BY NAME SELECT * FROM accepted"
        coordinates = "concat(_sa_partition, '-', _sa_offset)"
        self.connection.execute(
            f"CREATE OR REPLACE TEMP VIEW fitting AS SELECT * REPLACE "
            f"(coalesce(_sa_event_id, {coordinates}) AS _sa_event_id) FROM ({native})"
        )

    def transform(self, *, failed_before: bool = False) -> None:
        """Run the plugin's Silver transform over `fitting`; its rows become the relation `refined`.

        Args:
            failed_before: The records have failed before, so that many which fail again are no sign of a broken plugin.
        """
        columns = f"{event_columns(self.source.schema)}, {', '.join(map(name, CARRIED.values()))}"
        self.connection.execute(f"CREATE OR REPLACE TEMP VIEW events AS SELECT {columns} FROM fitting")
        limit = self.limits.function_seconds
        transform(self.connection, self.source, failed_before=failed_before, limit=limit)

    def _quarantined_before(self, part: Slice, quarantine: LakeTable) -> str | None:
        """Return the SQL of what a run brought to quarantine that ended before Silver's commit; None if nothing."""
        files = quarantine.files(newer_than=part.after) if quarantine.batch > part.after else []
        # Released rows are ignored here: when Silver is rebuilt, they are refined again.
        return f"(SELECT * FROM {read_parquet(file.path for file in files)} WHERE {IN_QUARANTINE})" if files else None

    def _drop_quarantined(self, stored: str) -> None:
        """What is in quarantine already stays there and only there."""
        self.connection.execute(
            f"""
            DELETE FROM refined USING {stored} q
            WHERE q.topic = refined.topic AND q."partition" = refined."partition" AND q."offset" = refined."offset"
            """
        )

    def mark_duplicates(self, silver: LakeTable) -> int:
        """Make the relation `duplicates`: rows of `refined` whose event is in Silver, or twice in `refined`."""
        self.connection.execute(
            f"""
            CREATE OR REPLACE TEMP VIEW identified AS SELECT * FROM refined WHERE {_HAS_ID};
            CREATE OR REPLACE TEMP TABLE duplicates AS
            SELECT {PLACE}
            FROM identified JOIN (
                SELECT event_id, event_time FROM identified GROUP BY ALL HAVING count(*) > 1
            ) USING (event_id, event_time)
            QUALIFY row_number() OVER (
                PARTITION BY event_id, event_time ORDER BY batch, {PLACE}
            ) > 1
            """
        )
        stored = self.files_with_times_of_refined(silver)
        if stored:
            self.connection.execute(
                f"""
                INSERT INTO duplicates
                SELECT {PLACE} FROM identified
                SEMI JOIN (
                    SELECT event_id, event_time FROM {read_parquet(stored)} WHERE {_HAS_ID}
                ) USING (event_id, event_time)
                ANTI JOIN duplicates USING ({PLACE})
                """
            )
        return count(self.connection, "duplicates")

    def files_with_times_of_refined(self, silver: LakeTable) -> list[str]:
        """Return the stored files whose range of event times holds the time of a new event."""
        files = silver.files()
        if not files:
            return []
        ranges = pa.table(
            {
                "path": [file.path for file in files],
                "low": [file.low["event_time"] for file in files],
                "high": [file.high["event_time"] for file in files],
            }
        )
        self.connection.register("ranges", ranges)
        rows = self.connection.execute(
            """
            SELECT DISTINCT path
            FROM (SELECT DISTINCT event_time FROM refined) JOIN ranges ON event_time BETWEEN low AND high
            """
        ).fetchall()
        return [path for (path,) in rows]

    def _quarantine_rows(self, part: Slice, stored: str | None) -> pa.Table:
        new = f"ANTI JOIN {stored} USING ({PLACE})" if stored else ""
        columns = [name(column) for column in QUARANTINE.names if column not in {field.name for field in RELEASE}]
        rows = fetch(
            self.connection,
            f"""
            SELECT {", ".join(columns)}, {", ".join(f"NULL AS {field.name}" for field in RELEASE)}
            FROM (
                SELECT * FROM misfits
                JOIN {read_parquet(file.path for file in part.files)} USING ({PLACE}, batch)
            ) {new}
            ORDER BY batch, {PLACE}
            """,
        )
        return rows.cast(QUARANTINE)

    def silver_rows(self, *, batch: int | None = None) -> pa.Table:
        """Return the rows of `refined` that are no duplicates, under their own batch or another one."""
        schema = silver_schema(self.source)
        own = {"event_date": "CAST(event_time AS DATE)", **({} if batch is None else {"batch": str(batch)})}
        columns = [f"{own[column]} AS {column}" if column in own else name(column) for column in schema.names]
        rows = fetch(
            self.connection,
            f"""
            SELECT {", ".join(columns)}
            FROM refined ANTI JOIN duplicates USING ({PLACE})
            ORDER BY event_time
            """,
        )
        return rows.cast(schema)
