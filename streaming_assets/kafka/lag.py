"""Lag: how far a table is behind its topic."""

from __future__ import annotations

from collections.abc import Mapping

from streaming_assets.kafka.topics import TopicState


def lag(state: TopicState, next_offsets: Mapping[int, int]) -> dict[int, int]:
    """Return per partition the number of offsets from the next one to read up to the last stable one.

    It is an upper bound of the records to come: control records, aborted transactions and compaction use up offsets.

    Args:
        state: The topic's extent.
        next_offsets: Per partition the next offset to read; a partition that has none starts at its low watermark.
    """
    starts = {**state.low, **next_offsets}
    return {partition: max(0, high - starts[partition]) for partition, high in state.high.items()}
