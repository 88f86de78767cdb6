"""The same events give the same rows, in whatever order and however often they come."""

from __future__ import annotations

from streaming_assets.errors import NotConforming
from streaming_assets.testing.comparing import differences
from streaming_assets.testing.subject import Subject


def check_order(subject: Subject) -> None:
    """Check that shuffled, repeated and late events, in several batches, give the same Silver and Gold.

    Raises:
        NotConforming: They do not.
    """
    straight, mixed = subject.tables, subject.scrambled_tables
    found = differences(straight.silver(), mixed.silver(), ("event_id", "event_time"), without=("batch", "offset"))
    _refuse(subject, "Silver", found)
    for table in subject.source.gold:
        _refuse(subject, table.name, differences(straight.gold(table), mixed.gold(table), table.keys))


def _refuse(subject: Subject, table: str, found: list[str]) -> None:
    if found:
        raise NotConforming(
            f"{table} of {subject.source.name} depends on how events come in.",
            found="\n".join(f"- {difference}" for difference in found),
            expected="the same rows from the same events, shuffled, repeated and late as well",
            meaning="after a restart, or with a slow sender, the table would have other rows",
            remedy="use neither `batch` nor `offset`, no state outside of the event, and a unique order for what ranks",
        )
