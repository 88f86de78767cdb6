"""`verify`: whether everything that must hold between the tables holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from streaming_assets.cli.console import err, out, print_json, print_note, print_table
from streaming_assets.cli.context import sources
from streaming_assets.engines.factory import make_engine
from streaming_assets.lake import layout
from streaming_assets.lake.lock import source_lock
from streaming_assets.lake.tables import open_table
from streaming_assets.layers.findings import Finding
from streaming_assets.layers.verify import verify as verify_source
from streaming_assets.settings import load_settings


def verify(names: Sequence[str], *, as_json: bool) -> bool:
    """Verify sources; return whether everything holds.

    Raises:
        StreamingAssetsError: A source is unknown, or a table can't be read.
    """
    settings = load_settings()
    selected = sources(settings).select(names)
    engine = make_engine(settings, None)
    findings: list[tuple[str, Finding]] = []
    try:
        with err.status("verifying") as status:
            for source in selected:
                # Under the lock: between two tables that are opened one after the other, a refresh would move one on.
                with source_lock(settings.home, source.name, timeout=settings.lock_timeout_seconds):
                    for finding in verify_source(source, engine):
                        findings.append((source.name, finding))
                        status.update(f"verifying {source.name}: {finding.table} {finding.check}")
    finally:
        engine.close()
    holds = all(finding.passed for _, finding in findings)
    if as_json:
        print_json({"passed": holds, "findings": [{"source": name, **asdict(finding)} for name, finding in findings]})
    else:
        _print(findings, holds=holds)
        if all(open_table(layout.bronze(source), settings.lake_path) is None for source in selected):
            print_note(f"there are no tables in {settings.lake_path} yet")
    return holds


def _print(findings: Sequence[tuple[str, Finding]], *, holds: bool) -> None:
    for source in dict.fromkeys(name for name, _ in findings):
        print_table(
            ("", "table", "check", "found"),
            (("✓" if each.passed else "✗", each.table, each.check, each.found)
             for name, each in findings if name == source),
            title=source,
        )  # fmt: skip
    failed = sum(not finding.passed for _, finding in findings)
    out.print("[green]Everything holds.[/]" if holds else f"[red]{failed} of {len(findings)} checks failed.[/]")
