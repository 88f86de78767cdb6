"""The position of a source: which offset of each partition comes next. It lives in Bronze's own commits.

A Bronze commit records the next offsets together with the rows they follow from, so the two can't
disagree. They come from the consumer's position and not from the largest offset, because aborted
transactions and compaction leave gaps that are legal. Which topic of which cluster they belong to also stands
in a property of the table, which lasts longer than the log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streaming_assets.lake.losses import accepted_losses
from streaming_assets.lake.tables import LakeTable

TOPIC_PROPERTY = "streaming_assets.topic"
"""Name of the table property that says what Bronze is filled from: JSON with `cluster_id` and `topic_id`."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where the next read starts."""

    next_offsets: Mapping[int, int]
    """Next offset by partition."""
    cluster_id: str | None = None
    """Id of the Kafka cluster; None where it is not known any more."""
    topic_id: str | None = None
    """Id of the topic, which changes when a topic is deleted and created again; None likewise."""
    starts: Mapping[int, int] = field(default_factory=dict)
    """First offset that Bronze was filled from, by partition; a partition that is not here is not known to have one."""
    last: Mapping[int, tuple[int, str]] = field(default_factory=dict)
    """Offset and fingerprint of the last record that Bronze has of a partition, where they are known."""

    def encode(self) -> dict[str, int]:
        """Return the position as it is recorded in a commit: `<cluster id>/<topic id>/<partition>` to offset."""
        return self._encode(self.next_offsets)

    def metadata(self) -> dict[str, Any]:
        """Return what every Bronze commit records of the position: `positions`; `starts` and `last` where known."""
        return {
            "positions": self.encode(),
            **({"starts": self._encode(self.starts)} if self.starts else {}),
            **({"last": {str(one): list(record) for one, record in sorted(self.last.items())}} if self.last else {}),
        }

    def _encode(self, offsets: Mapping[int, int]) -> dict[str, int]:
        return {f"{self.cluster_id}/{self.topic_id}/{one}": offset for one, offset in sorted(offsets.items())}


START = Position(next_offsets={})
"""The position of an empty Bronze table."""


def read_position(bronze: LakeTable) -> Position:
    """Return the position recorded in Bronze, or recomputed from its rows where the log no longer tells."""
    metadata = bronze.commit_metadata()
    if metadata is not None and "positions" in metadata:
        return _decode(metadata)
    if not bronze.files():
        return START
    topic = json.loads(bronze.table_property(TOPIC_PROPERTY) or "{}")
    return Position(_from_rows(bronze), topic.get("cluster_id"), topic.get("topic_id"))


def told_position(positions: Mapping[str, int]) -> Position:
    """Return the position that `Position.encode` told, with what it tells."""
    return _decode({"positions": positions})


def recorded_positions(bronze: LakeTable) -> dict[int, Position]:
    """Return the position after every batch, as far back as the log tells.

    Raises:
        TableError: The log can't be read.
    """
    commits = [commit for commit in bronze.recorded() if "positions" in commit]
    return {commit["batch"]: _decode(commit) for commit in commits}


def record_topic(bronze: LakeTable, position: Position) -> None:
    """Let the table's property name the topic of a position, where it does not yet.

    Raises:
        ConcurrentWrite: Another writer committed to the table since it was opened.
        TableError: The table can't be written.
    """
    topic = json.dumps({"cluster_id": position.cluster_id, "topic_id": position.topic_id})
    if topic != bronze.table_property(TOPIC_PROPERTY):
        bronze.set_table_property(TOPIC_PROPERTY, topic)


def _decode(metadata: Mapping[str, Any]) -> Position:
    cluster_id = topic_id = None
    for key in metadata["positions"]:
        cluster_id, topic_id, _ = key.rsplit("/", 2)
    return Position(
        _by_partition(metadata["positions"]),
        cluster_id,
        topic_id,
        _by_partition(metadata.get("starts", {})),
        {int(partition): (offset, told) for partition, (offset, told) in metadata.get("last", {}).items()},
    )


def _by_partition(offsets: Mapping[str, Any]) -> dict[int, int]:
    return {int(key.rsplit("/", 1)[1]): int(offset) for key, offset in offsets.items()}


def _from_rows(bronze: LakeTable) -> dict[int, int]:
    rows = bronze.query('SELECT "partition", max("offset") + 1 AS next_offset FROM t GROUP BY "partition"')
    offsets = {row["partition"]: row["next_offset"] for row in rows.to_pylist()}
    for loss in accepted_losses(bronze):
        offsets[loss.partition] = max(loss.end, offsets.get(loss.partition, 0))
    return offsets
