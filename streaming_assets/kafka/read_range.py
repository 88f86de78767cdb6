"""How far the reading of a range of offsets has come."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

_Partitions = npt.NDArray[np.int32]
_Offsets = npt.NDArray[np.int64]


class ReadRange:
    """Per partition the offsets from a start up to, and without, an end.

    Two things are kept apart: which partitions have been read to their end, and up to where records were handed
    on (`next_offsets`).
    """

    def __init__(self, start: Mapping[int, int], end: Mapping[int, int]) -> None:
        """Begin at `start`.

        Raises:
            ValueError: A partition has an end and no start.
        """
        if missing := sorted(end.keys() - start.keys()):
            raise ValueError(f"partitions {missing} have an end and no start")
        size = max(end, default=-1) + 1
        self._next = np.zeros(size, np.int64)
        self._end = np.zeros(size, np.int64)
        for partition, offset in end.items():
            self._next[partition] = start[partition]
            self._end[partition] = max(offset, start[partition])
        self._partitions = sorted(end)
        self.unfinished = {one for one in end if start[one] < end[one]}
        """Partitions that have not been read to their end."""

    @property
    def next_offsets(self) -> dict[int, int]:
        """Per partition the offset after the last record that was handed on."""
        return {one: int(self._next[one]) for one in self._partitions}

    @property
    def end(self) -> dict[int, int]:
        """Per partition the offset to stop at; never before its start."""
        return {one: int(self._end[one]) for one in self._partitions}

    def inside(self, partitions: _Partitions, offsets: _Offsets) -> npt.NDArray[np.bool_]:
        """Tell which records lie before the end, and note the partitions that have none to come."""
        ends = self._end[partitions]
        self.unfinished.difference_update(partitions[offsets >= ends - 1].tolist())
        return offsets < ends

    def partition_ends(self, partition: int, offset: int) -> None:
        """Note that a partition holds nothing readable before `offset` any more."""
        if offset >= self._end[partition]:
            self.unfinished.discard(partition)

    def hand_on(self, partitions: _Partitions, offsets: _Offsets) -> None:
        """Note that these records were handed on."""
        np.maximum.at(self._next, partitions, offsets + 1)
