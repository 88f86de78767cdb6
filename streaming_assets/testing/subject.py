"""What the checks look at: a source, the events that its producer gave, and the tables that they become."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import count
from pathlib import Path

from streaming_assets.contract import EventSource
from streaming_assets.testing.arrivals import Arrival, fitting, in_order, scrambled
from streaming_assets.testing.gathering import Gathered, gather
from streaming_assets.testing.lake import HandmadeLake


class Subject:
    """A source under test; what several checks need is made once."""

    def __init__(self, source: EventSource, options: Mapping[str, str], folder: Path) -> None:
        """Keep what is given; nothing is made yet.

        Args:
            source: The source.
            options: The options of its producer.
            folder: Where tables may lie.
        """
        self.source = source
        self.folder = folder
        self._options = options
        self._numbers = count(1)

    @cached_property
    def gathered(self) -> Gathered:
        """What the producer gave."""
        return gather(self.source, self._options)

    @cached_property
    def arrivals(self) -> list[Arrival]:
        """The producer's events that fit the schema, each once."""
        return fitting(self.gathered.events, self.source.schema)

    @cached_property
    def tables(self) -> HandmadeLake:
        """The tables, filled with these events at once and in their order.

        Raises:
            PluginError: They can't be filled.
        """
        lake = self.new_lake()
        lake.commit(in_order(self.arrivals))
        lake.refresh()
        return lake

    @cached_property
    def scrambled_tables(self) -> HandmadeLake:
        """The tables, filled batch by batch with the same events, shuffled, repeated and late.

        Raises:
            PluginError: They can't be filled.
        """
        lake = self.new_lake()
        for batch in scrambled(self.arrivals):
            lake.commit(batch)
            lake.refresh()
        return lake

    def new_lake(self) -> HandmadeLake:
        """Return a lake without a table."""
        return HandmadeLake(self.new_folder(), self.source)

    def new_folder(self) -> Path:
        """Return a folder that is not there yet."""
        return self.folder / f"home-{next(self._numbers)}"
