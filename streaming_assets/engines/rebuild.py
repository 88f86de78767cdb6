"""Silver and quarantine made anew from all of Bronze, beside the old ones, which they then replace.

Both tables are first made complete in a staging by the ordinary refiner. Then each takes the place of the old one
in one commit, Silver first, and says its generation in it. So a Silver of a newer generation than quarantine tells
that a run ended between the two, and whatever refines next finishes that before it does anything else. Gold
tables say which generation of Silver they are computed from, and follow.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from streaming_assets.contract import EventSource
from streaming_assets.engines.protocol import Rebuilt, Refined, Staged
from streaming_assets.errors import ConcurrentWrite, EngineError, TableError
from streaming_assets.faults import reach
from streaming_assets.lake import layout
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.opening import open_or_create, open_ours, open_table
from streaming_assets.lake.remedies import refresh_command
from streaming_assets.lake.staging import Staging, begin_staging, discard_staging, find_staging
from streaming_assets.lake.tables import LakeTable
from streaming_assets.versions import silver_version

_GIB = 2**30

_ATTEMPTS = 5
"""How often a table is replaced in vain, because somebody else committed in between, before that is an error."""


class Refiner(Protocol):
    """Refines one source; each engine has its own."""

    @property
    def source(self) -> EventSource:
        """The source."""
        ...

    @property
    def lake(self) -> Path:
        """Folder of the tables."""
        ...

    def into(self, staging: Path) -> Self:
        """Return one that makes Silver and quarantine in another folder, from the lake's Bronze."""
        ...

    def run(self) -> Iterator[Refined]:
        """Refine what is new; see `Engine.refine`."""
        ...


@dataclass
class Rebuilder:
    """Makes Silver and quarantine of one source anew."""

    refiner: Refiner
    """Refines the source."""

    def run(self) -> Iterator[Staged | Rebuilt]:
        """Make both tables anew; see `Engine.rebuild`.

        Raises:
            EngineError: There is not enough disk space.
            TableError: Bronze can't be read, or a table not be written.
        """
        left = self._staging()
        done = self._finish_interrupted()
        # What an earlier definition staged makes the tables belong together again; what is asked for is still to do.
        if done is not None and left is not None and left.definition == silver_version(self.refiner.source):
            yield done
            return
        bronze = open_ours(layout.bronze(self.refiner.source), self.refiner.lake)
        if bronze is None:
            return
        # What is still staged is of the present definition, and of a generation to come.
        staging = self._staging() or self._start_staging()
        self._expect_space(staging, bronze)
        yield from self._refine_into(staging, bronze)
        reach("rebuild.staged")
        yield self._swap(staging)

    def finish_or_raise(self) -> None:
        """Finish what an interrupted rebuild left; one that is incomplete is left to the next `--rebuild silver`.

        Raises:
            TableError: Silver and quarantine do not belong together, and nothing is staged that would mend it.
        """
        self._finish_interrupted()
        silver, quarantine = self._generations()
        if silver != quarantine:
            raise self._torn(silver, quarantine)

    def _finish_interrupted(self) -> Rebuilt | None:
        """Swap or discard what an interrupted rebuild left; return what was swapped.

        | staged                                       | done                                                |
        |-|-|
        | of Silver's generation                       | swap: quarantine, or only tidying up, is left to do |
        | nothing, or an older generation              | discard                                             |
        | a newer generation, of another definition    | discard: no row of it is in its place               |
        | a newer generation, complete                 | swap                                                |
        | a newer generation, incomplete               | keep for the next `--rebuild silver`                |
        """
        source, lake = self.refiner.source, self.refiner.lake
        staging = self._staging()
        silver, _ = self._generations()
        if staging is not None and staging.generation == silver:
            return self._swap(staging)
        if staging is None or staging.generation < silver or staging.definition != silver_version(source):
            discard_staging(source, lake)
            return None
        return self._swap(staging) if self._is_complete(staging) else None

    def _is_complete(self, staging: Staging) -> bool:
        """Tell whether the staged tables contain all that those of the lake do."""
        staged, silver = self._open("silver", staging), self._open("silver")
        if staged is None or not staged.batch or self._open("quarantine", staging) is None:
            return False
        return staged.batch >= (silver.batch if silver else 0)

    def _staging(self) -> Staging | None:
        return find_staging(self.refiner.source, self.refiner.lake)

    def _start_staging(self) -> Staging:
        source = self.refiner.source
        generation = max(self._generations()) + 1
        return begin_staging(source, self.refiner.lake, definition=silver_version(source), generation=generation)

    def _expect_space(self, staging: Staging, bronze: LakeTable) -> None:
        """Refuse to begin what the disk can't hold: the new tables will be about as large as the old ones."""
        old = [_size(self._open(layer)) for layer in ("silver", "quarantine")]
        staged = sum(_size(self._open(layer, staging)) for layer in ("silver", "quarantine"))
        needed = (sum(old) or _size(bronze)) - staged
        free = shutil.disk_usage(staging.lake).free
        if needed > free:
            raise EngineError(
                f"There is not enough disk space to rebuild Silver of {self.refiner.source.name}.",
                found=f"{free / _GIB:.1f} GiB free in {staging.lake}",
                expected=f"about {needed / _GIB:.1f} GiB: the old tables stay until the new ones are complete, and "
                "until the retention of files is over",
                meaning="the tables are as they were; what was rebuilt so far is kept",
                remedy=f"free disk space, then run {refresh_command(bronze.id, '--rebuild', 'silver')} again: it goes "
                "on where it was",
            )

    def _refine_into(self, staging: Staging, bronze: LakeTable) -> Iterator[Staged]:
        staged = self._open("silver", staging)
        files = bronze.files(newer_than=staged.batch) if staged else bronze.files()
        total = bronze.rows()
        records = total - sum(file.records for file in files)
        for step in self.refiner.into(staging.lake).run():
            records += step.records
            yield Staged(batch=step.batch, records=min(records, total), total=total)

    def _swap(self, staging: Staging) -> Rebuilt:
        """Let the staged tables take their places, as far as they have not yet."""
        source, lake = self.refiner.source, self.refiner.lake
        silver, quarantine = (self._staged_table(layer, staging) for layer in ("silver", "quarantine"))
        upto = max(silver.batch, quarantine.batch)
        for staged, batch in ((silver, silver.batch), (quarantine, upto)):
            # Whatever a replay brought to the old Silver, nothing is left to be told to the new quarantine.
            self._take_place(staged, staging, batch, replay=upto if staged is quarantine else None)
        rebuilt = Rebuilt(
            batch=silver.batch, generation=staging.generation, silver=silver.rows(), quarantined=quarantine.rows()
        )
        discard_staging(source, lake)
        return rebuilt

    def _take_place(self, staged: LakeTable, staging: Staging, batch: int, replay: int | None) -> None:
        """Replace a table by the staged one, unless it is already."""
        metadata = {"definition": staging.definition, "rebuilt": staged.rows()}
        for attempt in range(_ATTEMPTS):
            table = open_table(staged.id, self.refiner.lake)
            table = table or open_or_create(self.refiner.source, staged.id, self.refiner.lake)
            if table.generation == staging.generation:
                return
            try:
                table.take_over(staged, batch=batch, generation=staging.generation, metadata=metadata, replay=replay)
            except ConcurrentWrite:  # maintenance merges files beside a refresh
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                reach("rebuild.swapped")
                return

    def _staged_table(self, layer: layout.Layer, staging: Staging) -> LakeTable:
        table = self._open(layer, staging)
        if table is None:
            raise self._torn(*self._generations())
        return table

    def _open(self, layer: layout.Layer, staging: Staging | None = None) -> LakeTable | None:
        lake = staging.lake if staging else self.refiner.lake
        return open_table(TableId(self.refiner.source.name, layer), lake)

    def _generations(self) -> tuple[int, int]:
        """Return the generations of Silver and quarantine."""
        silver, quarantine = self._open("silver"), self._open("quarantine")
        return (silver.generation if silver else 0, quarantine.generation if quarantine else 0)

    def _torn(self, silver: int, quarantine: int) -> TableError:
        source = self.refiner.source
        return TableError(
            f"Silver and quarantine of {source.name} do not belong together.",
            found=f"generation {silver} of Silver, generation {quarantine} of quarantine",
            expected="the same generation: both are rebuilt together",
            meaning="records may be in both tables, or in neither; nothing was read or written, and Bronze has all",
            remedy=f"{refresh_command(layout.silver(source), '--rebuild', 'silver')}, which makes both from Bronze",
        )


def _size(table: LakeTable | None) -> int:
    return sum(file.size for file in table.files()) if table else 0
