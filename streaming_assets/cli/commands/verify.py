"""`verify`: whether everything that must hold between Kafka and the tables holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.text import Text

from streaming_assets.cli.console import err, out, print_error, print_json, print_table
from streaming_assets.cli.context import sources_here, told_of_source
from streaming_assets.cli.interrupts import check_interrupt
from streaming_assets.engines.factory import Engines
from streaming_assets.errors import StreamingAssetsError
from streaming_assets.kafka.broker import connect_if_running
from streaming_assets.lake import layout
from streaming_assets.lake.lock import source_lock
from streaming_assets.lake.opening import open_table
from streaming_assets.layers.findings import Finding
from streaming_assets.layers.scope import Choice
from streaming_assets.layers.verify import verify as verify_source
from streaming_assets.settings import load_settings


def verify(names: Sequence[str], *, choice: Choice, as_json: bool) -> bool:
    """Verify sources; return whether everything holds.

    Raises:
        StreamingAssetsError: A source is unknown, or the only one can't be verified.
    """
    settings = load_settings()
    selected = sources_here(settings, names)
    findings: list[tuple[str, Finding]] = []
    empty: list[str] = []
    errors: dict[str, StreamingAssetsError] = {}
    with (
        Engines(settings, None) as engines,
        connect_if_running(settings) as connection,
        err.status("verifying") as status,
    ):
        for source in selected:

            def tell(what: str, name: str = source.name) -> None:
                status.update(f"verifying {name}: {what}")

            try:
                # Under the lock: between two tables that are opened one after the other, a refresh would move one on.
                with source_lock(settings.home, source.name, timeout=settings.lock_timeout_seconds):
                    if all(open_table(table, settings.lake_path) is None for table in layout.tables_of(source)):
                        empty.append(source.name)
                        continue
                    found = verify_source(source, engines.of(source), connection, choice=choice, tell=tell)
                    findings += [(source.name, finding) for finding in found]
            except Exception as error:  # noqa: BLE001 - whatever it is, it costs no other source
                check_interrupt()
                errors[source.name] = told_of_source(source.name, error)
    if len(errors) == len(selected) == 1:
        raise errors.popitem()[1]
    holds = not errors and all(finding.passed for _, finding in findings)
    if as_json:
        told = [{"source": name, **asdict(finding)} for name, finding in findings]
        report = {"passed": holds, "findings": told, "left_out": choice.left_out(), "without_tables": empty}
        print_json({**report, "errors": {name: str(each) for name, each in errors.items()}})
        return holds
    _print_empty(empty, settings.lake_path)
    if findings:
        _print(findings, choice)
    for each in errors.values():
        print_error(each)
    return holds


def _print_empty(empty: Sequence[str], lake: Path) -> None:
    """Say first of which sources nothing can be proved, as there is nothing yet."""
    for name in empty:
        out.print(
            f"{name} has no tables in {lake} yet, so nothing is verified; `streaming-assets refresh {name}` makes them",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _print(findings: Sequence[tuple[str, Finding]], choice: Choice) -> None:
    for source in dict.fromkeys(name for name, _ in findings):
        mine = [finding for name, finding in findings if name == source]
        _print_source(source, mine)
        if choice.timed and not any(each.numbers.get("records") for each in mine if each.check == "offsets"):
            out.print(f"{source}: nothing was ingested in that time", style="yellow", highlight=False)
    failed = sum(not finding.passed for _, finding in findings)
    open_questions = sum(finding.passed and bool(finding.notes) for _, finding in findings)
    if failed:
        out.print(f"[red]{failed} of {len(findings)} checks failed.[/]")
    elif open_questions:
        out.print(f"[green]Nothing is wrong[/]; see the notes of {open_questions} of {len(findings)} checks.")
    else:
        out.print("[green]Everything holds.[/]")
    for text in choice.left_out():
        out.print(f"Left out: {text}", style="dim", highlight=False)


def _print_source(source: str, findings: Sequence[Finding]) -> None:
    print_table(
        ("", "table", "check", "found"),
        ((_mark(each), each.table, each.check, each.found) for each in findings),
        title=source,
    )
    for each in findings:
        for style, texts in (("red", each.examples), ("yellow", each.notes)):
            for text in texts:
                out.print(Text.assemble((f"{each.table} {each.check}: ", style), text), soft_wrap=True)


def _mark(finding: Finding) -> str:
    if not finding.passed:
        return "✗"
    return "!" if finding.notes else "✓"
