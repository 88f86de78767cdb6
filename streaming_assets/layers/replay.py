"""What can be asked of a replay, in words."""

from __future__ import annotations

from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

from streaming_assets.contract import EventSource
from streaming_assets.engines.protocol import Selection
from streaming_assets.errors import QuarantineError
from streaming_assets.fitting import Reason
from streaming_assets.layers.quarantine import quarantine_state


def select(reason: str | None, since: datetime | None) -> Selection:
    """Return the selection that a person means.

    Args:
        reason: One of the reasons for quarantine; None takes all.
        since: When a record was read from Kafka (`ingested_at`), which every record has, and which no producer sets.

    Raises:
        QuarantineError: There is no such reason.
    """
    if reason is not None and reason not in list(Reason):
        near = get_close_matches(reason, list(Reason), n=1)
        raise QuarantineError(
            f"There is no reason {reason!r} for quarantine.",
            expected=f"one of {', '.join(Reason)}",
            remedy=f"did you mean {near[0]}?" if near else None,
        )
    return Selection(reason=reason, since=since)


def nothing_to_replay(source: EventSource, selection: Selection, lake: Path) -> str:
    """Return what to tell of a replay that found nothing to do: it is no fault.

    Raises:
        TableError: Quarantine can't be read.
    """
    state = quarantine_state(source, lake)
    reasons: dict[str, int] = {}
    for group in state.groups:
        reasons[group.reason] = reasons.get(group.reason, 0) + group.records
    there = ", ".join(f"{records:,} {reason}" for reason, records in reasons.items())
    wanted = [f"for {selection.reason}"] if selection.reason else []
    wanted += [f"read from Kafka since {selection.since.isoformat(timespec='seconds')}"] if selection.since else []
    found = f"no record {' '.join(wanted)} is in quarantine, but {there}" if there else "quarantine is empty"
    return f"There is nothing to replay for {source.name}: {found}."
