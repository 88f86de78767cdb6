"""`replay-quarantine`: quarantined records through a fixed plugin."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from streaming_assets.cli.console import counted, err, out, print_json, print_note, print_table
from streaming_assets.cli.context import sources
from streaming_assets.contract import EventSource
from streaming_assets.engines.factory import Engines
from streaming_assets.engines.protocol import Aggregated, Replayed, Selection
from streaming_assets.layers.refresh import ReplayStep, SourceRefresh
from streaming_assets.layers.replay import nothing_to_replay, select
from streaming_assets.settings import Settings, load_settings


@dataclass
class ReplaySummary:
    """What a replay did."""

    source: str
    """The source."""
    records: int = 0
    """Quarantined records that were looked at."""
    silver: int = 0
    """Records that went to Silver."""
    duplicates: int = 0
    """Records that left quarantine because their event was in Silver already."""
    quarantined: int = 0
    """Records that still do not fit."""
    changed: int = 0
    """How many of those do so for another reason, at another field, or with another detail."""
    gold: dict[str, int] = field(default_factory=dict)
    """Rows written by Gold table."""

    def add(self, step: ReplayStep) -> None:
        """Count a step."""
        if isinstance(step, Replayed):
            for name in ("records", "silver", "duplicates", "quarantined", "changed"):
                setattr(self, name, getattr(self, name) + getattr(step, name))
        elif isinstance(step, Aggregated):
            self.gold[step.table] = step.rows


def replay_quarantine(name: str, *, reason: str | None, since: datetime | None, as_json: bool) -> None:
    """Replay what is in a source's quarantine and say what became of it.

    Raises:
        QuarantineError: There is no such reason.
        StreamingAssetsError: The source is unknown, or what went wrong; what was committed before stays.
    """
    selection = select(reason, since)
    settings = load_settings()
    source = sources(settings).get(name)
    summary = _replay(source, settings, selection)
    if as_json:
        print_json(vars(summary))
    elif summary.records or summary.gold:
        _print(summary)
    else:
        out.print(nothing_to_replay(source, selection, settings.lake_path), highlight=False, soft_wrap=True)


def _replay(source: EventSource, settings: Settings, selection: Selection) -> ReplaySummary:
    summary = ReplaySummary(source.name)
    with Engines(settings, None) as engines, err.status(f"replaying {source.name}") as status:
        refresh = SourceRefresh(
            source,
            settings,
            engines.of(source),
            None,
            on_wait=lambda: status.update(f"waiting for another process on {source.name}"),
        )
        for step in refresh.replay(selection):
            summary.add(step)
            status.update(f"replaying {source.name}: {_doing(summary, step)}")
    return summary


def _doing(summary: ReplaySummary, step: ReplayStep) -> str:
    if isinstance(step, Aggregated):
        return f"gold: {step.table}"
    return f"{summary.records:,} records, {summary.silver:,} to silver, {summary.quarantined:,} still do not fit"


def _print(summary: ReplaySummary) -> None:
    gold = sum(summary.gold.values())
    print_table(
        ("source", "replayed", "silver", "duplicates", "quarantine", "gold rows written"),
        [(summary.source, summary.records, summary.silver, summary.duplicates, summary.quarantined, gold)],
        title="Replayed",
    )
    if summary.changed:
        print_note(
            f"refused for another reason, or with another detail, than before: {counted(summary.changed, 'record')}"
        )
    if summary.quarantined:
        print_note(
            f"still in quarantine: {counted(summary.quarantined, 'record')}; "
            f"`streaming-assets tables --quarantine {summary.source}` shows why"
        )
