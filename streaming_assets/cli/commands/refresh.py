"""`refresh`: topics to tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from streaming_assets.cli.commands.tables import tell_outdated
from streaming_assets.cli.console import err, print_error, print_json, print_note, print_table
from streaming_assets.cli.context import broker, sources, told_of_source
from streaming_assets.cli.interrupts import check_interrupt
from streaming_assets.contract import EventSource
from streaming_assets.engines.factory import Engines
from streaming_assets.engines.protocol import Aggregated, Ingested, Rebuilt, Refined, Staged
from streaming_assets.errors import StreamingAssetsError
from streaming_assets.kafka.connection import Connection
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.losses import AcceptedLoss
from streaming_assets.layers.outdated import outdated_tables
from streaming_assets.layers.refresh import SourceRefresh, Step
from streaming_assets.layers.undo import Undone
from streaming_assets.settings import EngineName, Settings, load_settings


@dataclass
class RefreshSummary:
    """What a refresh did to one source."""

    source: str
    """The source."""
    bronze: int = 0
    """Records that came to Bronze."""
    silver: int = 0
    """Events that came to Silver."""
    quarantined: int = 0
    """Records that went to quarantine."""
    duplicates: int = 0
    """Records whose event was in Silver already."""
    accepted_loss: list[AcceptedLoss] = field(default_factory=list)
    """Offsets that Kafka deleted unread, and that Bronze goes on after."""
    undone: list[str] = field(default_factory=list)
    """What other writers had done to its tables, and was taken back."""
    commits: int = 0
    """How many steps were committed."""
    gold: dict[str, int] = field(default_factory=dict)
    """Rows written by Gold table."""
    rebuilt: dict[str, int] = field(default_factory=dict)
    """Rows of Silver and quarantine, where they were rebuilt."""
    outdated: list[TableId] = field(default_factory=list)
    """Tables with rows of another definition than the plugin's."""
    error: StreamingAssetsError | None = None
    """Why it ended early; what was committed before stays."""

    def add(self, step: Step) -> None:
        """Count a step."""
        self.commits += 1
        if isinstance(step, Ingested):
            self.bronze += step.records
            self.accepted_loss += step.accepted
        elif isinstance(step, Refined):
            self.silver += step.silver
            self.quarantined += step.quarantined
            self.duplicates += step.duplicates
        elif isinstance(step, Aggregated):
            self.gold[step.table] = step.rows
        elif isinstance(step, Rebuilt):
            self.rebuilt = {"silver": step.silver, "quarantine": step.quarantined}
        elif isinstance(step, Undone):
            self.undone += [f"{step.table.name}: {commit}" for commit in step.commits]


def refresh(names: Sequence[str], *, engine: EngineName | None, as_json: bool, **wishes: Any) -> bool:
    """Refresh sources one after the other and say what came in; return whether all went well.

    Args:
        names: The sources; all if empty.
        engine: What computes and commits; None takes the settings'.
        as_json: Write JSON.
        wishes: See `SourceRefresh`: `accept_loss`, `undo_foreign_writes`, `rebuild`.

    Raises:
        StreamingAssetsError: A source is unknown, or there is no broker.
    """
    settings = load_settings()
    selected = sources(settings).select(names)
    with broker(settings) as connection:
        summaries = refresh_all(selected, settings, connection, engine=engine, **wishes)
    if as_json:
        print_json([_plain(summary) for summary in summaries])
    else:
        print_summaries(summaries)
    return not any(summary.error for summary in summaries)


def refresh_all(
    selected: Sequence[EventSource],
    settings: Settings,
    connection: Connection,
    *,
    engine: EngineName | None = None,
    **wishes: Any,
) -> list[RefreshSummary]:
    """Refresh sources one after the other, showing progress; what ends one costs no other."""
    with Engines(settings, connection, engine) as engines, _progress() as progress:

        def make(source: EventSource, **how: Any) -> SourceRefresh:
            return SourceRefresh(source, settings, engines.of(source), connection, **wishes, **how)

        return [_refresh(source, settings, make, progress) for source in selected]


def print_summaries(summaries: Sequence[RefreshSummary]) -> None:
    """Write what the refreshes did, a line for each source."""
    print_table(
        ("source", "bronze", "silver", "quarantine", "duplicates", "gold rows written"),
        (
            (each.source, each.bronze, each.silver, each.quarantined, each.duplicates, sum(each.gold.values()))
            for each in summaries
        ),
        title=_title(summaries),
    )
    for each in summaries:
        for commit in each.undone:
            print_note(f"{each.source}: taken back in {commit}")
        for loss in each.accepted_loss:
            print_note(
                f"{each.source}: loss of at most {loss.records_at_most:,} records is accepted and recorded in Bronze "
                f"(partition {loss.partition}, offsets {loss.start} to {loss.end - 1})"
            )
        if each.rebuilt:
            print_note(
                f"{each.source}: rebuilt, with {each.rebuilt['silver']:,} rows in Silver and "
                f"{each.rebuilt['quarantine']:,} in quarantine"
            )
        if each.error is not None:
            print_error(each.error)
        else:
            tell_outdated(each.source, each.outdated)


def _title(summaries: Sequence[RefreshSummary]) -> str:
    if any(each.commits for each in summaries):
        return "Refreshed"
    return "Not refreshed" if any(each.error for each in summaries) else "Nothing new"


def _refresh(
    source: EventSource, settings: Settings, make: Callable[..., SourceRefresh], progress: Progress
) -> RefreshSummary:
    summary = RefreshSummary(source.name)
    task = progress.add_task(source.name, total=None, doing="looking for new events")

    def waiting() -> None:
        progress.update(task, doing="waits for another process on this source")

    try:
        for step in make(source, on_wait=waiting).run():
            summary.add(step)
            progress.update(task, doing=_doing(summary, step))
        summary.outdated = outdated_tables(source, settings.lake_path)
    except Exception as error:  # noqa: BLE001 - whatever it is, it costs no other source
        check_interrupt()
        summary.error = told_of_source(source.name, error)
    progress.update(task, doing="done", total=1, completed=1)
    return summary


def _doing(summary: RefreshSummary, step: Step) -> str:
    if isinstance(step, Ingested):
        return f"bronze: {summary.bronze:,} records"
    if isinstance(step, Refined):
        return f"silver: {summary.silver:,} events, {summary.quarantined:,} to quarantine"
    if isinstance(step, Undone):
        return f"taken back what others did to {step.table.name}"
    if isinstance(step, Staged):
        return f"rebuilding silver: {step.records:,} of {step.total:,} records"
    if isinstance(step, Rebuilt):
        return "silver: rebuilt"
    return f"gold: {step.table}"


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}"),
        TextColumn("[dim]{task.fields[doing]}"),
        TimeElapsedColumn(),
        console=err,
        transient=True,
    )


def _plain(summary: RefreshSummary) -> dict[str, Any]:
    accepted = [loss.encode() for loss in summary.accepted_loss]
    return {
        **vars(summary),
        "accepted_loss": accepted,
        "outdated": [table.name for table in summary.outdated],
        "error": None if summary.error is None else str(summary.error),
    }
