"""Quarantine through the present schema and Silver transform again, one slice of it at a time.

A slice takes a batch of its own: an empty one in Bronze, so that Silver is never ahead of it; then what fits now goes
to Silver under that batch, which makes Gold see it; then quarantine is told. Quarantine's rows stay as history.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from streaming_assets.engines.embedded.duck import count, literal, read_parquet, timestamp
from streaming_assets.engines.embedded.release import nulls, rewrite_verdicts
from streaming_assets.engines.embedded.silver import Refiner
from streaming_assets.engines.protocol import Replayed, Selection
from streaming_assets.engines.slices import Slice, slices
from streaming_assets.errors import ConcurrentWrite
from streaming_assets.faults import reach
from streaming_assets.lake import layout
from streaming_assets.lake.opening import open_or_create, open_ours
from streaming_assets.lake.order import QUARANTINED_UPTO
from streaming_assets.lake.schemas import BRONZE, IN_QUARANTINE, PLACE
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.lake.tables import LakeTable

_MISFIT = "reason, field, detail"


def replay(refiner: Refiner, selection: Selection) -> Iterator[Replayed]:
    """Replay what is selected; see `Engine.replay`.

    Raises:
        ConcurrentWrite: Silver does not contain all of Bronze, or another writer committed meanwhile.
        PluginError: The transform can't run at all.
        TableError: A table can't be read or written.
    """
    source, lake = refiner.source, refiner.lake
    bronze = open_ours(layout.bronze(source), lake)
    if bronze is None:
        return
    silver = open_or_create(source, layout.silver(source), lake)
    quarantine = open_or_create(source, layout.quarantine(source), lake)
    _expect_all_of_bronze(silver, bronze)
    replaying = _Replay(refiner, bronze, silver, quarantine, _condition(selection))
    for part in slices(quarantine.files(), NO_BATCH, refiner.limits):
        if replaying.selects_from(part):
            yield replaying.step(part)


@dataclass
class _Replay:
    refiner: Refiner
    bronze: LakeTable
    silver: LakeTable
    quarantine: LakeTable
    where: str

    def selects_from(self, part: Slice) -> bool:
        """Tell whether a slice holds a record that is selected."""
        return count(self.refiner.connection, f"{_files(part)} WHERE {self.where}") > 0

    def step(self, part: Slice) -> Replayed:
        """Replay a slice; nothing is committed where nothing has changed."""
        refiner = self.refiner
        records = refiner.parse(part, where=self.where)
        refiner.transform(failed_before=True)
        duplicates = refiner.mark_duplicates(self.silver)
        fitting = count(refiner.connection, "refined") - duplicates
        counts = {"records": records, "silver": fitting, "duplicates": duplicates}
        counts |= {"quarantined": count(refiner.connection, "misfits"), "changed": self._changed(part)}
        batch = self._to_silver(counts) if fitting or duplicates else None
        if batch is not None or counts["changed"]:
            self._make_verdicts(batch)
            rewrite_verdicts(refiner.connection, self.quarantine, part, replay=batch, metadata={"replay": counts})
            reach("replay.released")
        return Replayed(batch=batch, **counts)

    def _to_silver(self, counts: dict[str, int]) -> int:
        """Commit what fits under a new batch, and return that."""
        batch = self.bronze.batch + 1
        rows = self.refiner.silver_rows(batch=batch)
        repeated = {**(self.bronze.commit_metadata() or {}), "records": 0, "batch": batch}
        self.bronze.append(BRONZE.empty_table(), batch=batch, metadata=repeated)
        reach("replay.begun")
        metadata = {"replay": counts, QUARANTINED_UPTO: self.quarantine.batch}
        self.silver.append(rows, batch=batch, metadata=metadata, replay=True)
        reach("replay.silver")
        return batch

    def _changed(self, part: Slice) -> int:
        """Count the records that do not fit for another reason than quarantine tells."""
        stored = f"SELECT {PLACE}, {_MISFIT} FROM {_files(part)} WHERE {self.where}"
        same = f"misfits EXCEPT SELECT {PLACE}, {_MISFIT} FROM ({stored})"
        return count(self.refiner.connection, f"(SELECT {PLACE}, {_MISFIT} FROM {same})")

    def _make_verdicts(self, batch: int | None) -> None:
        """Make the relation `verdicts` of what was released as `batch`, if anything was, and of what was not."""
        parts = [f"SELECT {PLACE}, {nulls('released_batch', 'duplicate_of')}, {_MISFIT} FROM misfits"]
        if batch is not None:
            # Whatever fits is in Silver by now: as a row of its own, or its event as that of another record.
            stored = read_parquet(self.refiner.files_with_times_of_refined(self.silver))
            place = 'concat_ws(\'/\', s.topic, s."partition", s."offset")'
            own = 'r.topic = s.topic AND r."partition" = s."partition" AND r."offset" = s."offset"'
            parts.append(
                f"""
                SELECT r.topic, r."partition", r."offset", CAST({batch} AS BIGINT),
                       CASE WHEN NOT bool_or({own}) THEN min({place}) END, {nulls("reason", "field", "detail")}
                FROM refined r JOIN {stored} s USING (event_id, event_time)
                GROUP BY ALL
                """
            )
        self.refiner.connection.execute(f"CREATE OR REPLACE TEMP TABLE verdicts AS {' UNION ALL '.join(parts)}")


def _files(part: Slice) -> str:
    return read_parquet(file.path for file in part.files)


def _condition(selection: Selection) -> str:
    conditions = [IN_QUARANTINE]
    if selection.reason is not None:
        conditions.append(f"reason = {literal(selection.reason)}")
    if selection.since is not None:
        conditions.append(f"ingested_at >= {timestamp(selection.since)}")
    return " AND ".join(conditions)


def _expect_all_of_bronze(silver: LakeTable, bronze: LakeTable) -> None:
    if silver.batch == bronze.batch:
        return
    raise ConcurrentWrite(
        f"Table {silver.id.name} does not contain all of Bronze.",
        found=f"batch {silver.batch}, and batch {bronze.batch} in Bronze",
        expected="the same batch",
        meaning="nothing was replayed; a replay would have Silver skip the batches between",
        remedy="run the replay again: it brings Silver up to Bronze first",
    )
