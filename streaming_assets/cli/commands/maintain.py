"""`maintain`: small files merged, files and log entries that nobody needs deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from streaming_assets.cli.console import err, print_error, print_json, print_note, print_table, size
from streaming_assets.cli.context import sources_here
from streaming_assets.cli.interrupts import check_interrupt
from streaming_assets.contract import EventSource
from streaming_assets.errors import StreamingAssetsError
from streaming_assets.lake import layout
from streaming_assets.lake.maintenance import MERGE_FROM, Outcome
from streaming_assets.lake.maintenance_process import maintain_apart
from streaming_assets.settings import Settings, load_settings


def maintain(names: Sequence[str], *, as_json: bool) -> bool:
    """Maintain sources one after the other and say what was done; return whether all went well.

    What a refresh was in the way of is done next time, and no failure.

    Raises:
        StreamingAssetsError: A source is unknown.
    """
    settings = load_settings()
    selected = sources_here(settings, names)
    outcomes: dict[str, list[Outcome]] = {source.name: [] for source in selected}
    failures: list[StreamingAssetsError] = []
    with err.status("maintaining") as status:
        for source in selected:
            status.update(f"maintaining {source.name}")
            failures += _maintain(source, settings, outcomes[source.name])
    if as_json:
        print_json([_plain(outcome) for of_source in outcomes.values() for outcome in of_source])
    else:
        _print(outcomes)
    for failure in {str(failure): failure for failure in failures}.values():  # one cause may fail every table
        print_error(failure)
    return not failures


def _maintain(source: EventSource, settings: Settings, outcomes: list[Outcome]) -> list[StreamingAssetsError]:
    """Maintain a source, adding what became of its tables; return what failed."""
    failures = []
    try:
        outcomes.extend(maintain_apart(layout.tables_of(source), settings, min_files=MERGE_FROM))
    except StreamingAssetsError as error:
        check_interrupt()
        failures.append(error)
    return [each.error for each in outcomes if each.error is not None and not each.postponed] + failures


def _print(outcomes: dict[str, list[Outcome]]) -> None:
    for source, of_source in outcomes.items():
        if any(outcome.done for outcome in of_source):
            print_table(
                ("table", "files", "size", "files deleted", "log entries"),
                (_row(outcome, source) for outcome in of_source),
                title=source,
            )
        elif of_source and not any(outcome.error for outcome in of_source):
            print_note(f"{source} has no tables yet; `streaming-assets refresh {source}` makes them")
        for outcome in of_source:
            if outcome.error is not None and outcome.postponed:
                print_note(f"{outcome.table.name} is left for the next time: {outcome.error.summary}")


def _row(outcome: Outcome, source: str) -> tuple[object, ...]:
    name, done = outcome.table.name.removeprefix(f"{source}."), outcome.done
    if done is None:
        return (name, *[None] * 4)
    return (
        name,
        _change(done.files_before, done.files_after),
        size(done.bytes),
        done.deleted,
        _change(done.log_entries + done.log_deleted, done.log_entries),
    )


def _change(before: int, after: int) -> str:
    return f"{before:,} → {after:,}" if before != after else f"{after:,}"


def _plain(outcome: Outcome) -> dict[str, object]:
    numbers = {} if outcome.done is None else asdict(outcome.done)
    return {
        **numbers,
        "table": outcome.table.name,
        "postponed": outcome.postponed,
        "error": None if outcome.error is None else str(outcome.error),
    }
