"""A record that does not fit costs itself, and nothing else; no record at all costs nothing."""

from __future__ import annotations

from collections.abc import Iterable

from streaming_assets.errors import NotConforming, StreamingAssetsError
from streaming_assets.testing.arrivals import in_order
from streaming_assets.testing.breaches import remedy_of
from streaming_assets.testing.checks.tables import refuse_failures
from streaming_assets.testing.comparing import differences
from streaming_assets.testing.lake import Record
from streaming_assets.testing.malformed import NO_EVENTS, changed
from streaming_assets.testing.subject import Subject

_CHANGED_EVENTS = 5
_TAKE_ALL = "let transform and queries take what the schema allows, and no row at all"


def check_bad_records(subject: Subject) -> None:
    """Check what becomes of no records, of records that are no events, and of events that are changed.

    Raises:
        PluginError: A transform or query can't run.
        NotConforming: A record is lost, costs another one, or fits and fails in Silver.
    """
    _without_events(subject)
    lake = subject.new_lake()
    lake.commit(in_order(subject.arrivals))
    lake.commit(_records(_changed(subject), after=len(subject.arrivals)))
    lake.refresh()
    refuse_failures(lake, subject.source.name)
    first = [row for row in lake.silver() if row["partition"] < len(subject.arrivals)]
    _refuse(subject, differences(subject.tables.silver(), first, ("event_id", "event_time")))
    # An event that is changed in its time alone is another one, of the same id: the test made it so, not the source.
    breaches = [each for each in lake.breaches() if each.check != "event_id_unique"]
    told = [f"{each.check} of {each.table}: {each.found}" for each in breaches]
    _refuse(subject, told, remedy_of(breaches, _TAKE_ALL))


def _without_events(subject: Subject) -> None:
    """Refresh tables without a record, then with records that all go to quarantine."""
    lake = subject.new_lake()
    try:
        lake.commit([])
        lake.refresh()
        lake.commit(_records(NO_EVENTS, after=0))
        lake.refresh()
    except StreamingAssetsError as error:
        _refuse(subject, [f"without a single event that fits: {error.summary} {error.found or ''}".strip()])
    kept = len(lake.quarantine())
    _refuse(subject, [f"{kept} of {len(NO_EVENTS)} in quarantine"] if kept != len(NO_EVENTS) else [])


def _changed(subject: Subject) -> Iterable[bytes]:
    for arrival in subject.arrivals[:_CHANGED_EVENTS]:
        yield from changed(arrival.record.value or b"", subject.source.schema)


def _records(values: Iterable[bytes | None], *, after: int) -> list[Record]:
    return [Record(value=value, partition=after + number) for number, value in enumerate(values)]


def _refuse(subject: Subject, found: list[str], remedy: str = _TAKE_ALL) -> None:
    if found:
        raise NotConforming(
            f"Records that do not fit cost {subject.source.name} more than themselves.",
            found="\n".join(f"- {each}" for each in found),
            expected="each in quarantine with its reason, and all others as without it",
            meaning="one bad record would stop a table, or change it",
            remedy=remedy,
        )
