"""`plugins check`: what is wrong with plugins, each fault with its file and line."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from streaming_assets.cli.console import counted, err, out, print_json, print_note, wrapped
from streaming_assets.cli.context import note_no_source
from streaming_assets.cli.excerpts import excerpt, printable
from streaming_assets.plugincheck.checking import Checked, check
from streaming_assets.plugincheck.findings import Finding
from streaming_assets.plugincheck.spots import Spot
from streaming_assets.registry import load_installed
from streaming_assets.settings import load_settings

_INDENT = 12
"""Columns before what was found and what was expected."""


def plugins_check(target: str | None, *, as_json: bool) -> bool:
    """Check one plugin, those at a path, or all that are installed; return whether there is no fault.

    Raises:
        UnknownSource: No plugin has that name, and nothing lies at that path.
    """
    settings = load_settings()
    checked = check(target, lambda: load_installed(settings), timeout=settings.plugin_timeout_seconds)
    broken = [each for each in checked if each.findings]
    if as_json:
        print_json([_plain(each) for each in broken])
        return not broken
    for each in checked:
        if each.disabled:
            print_note(f"{each.name} is disabled by STREAMING_ASSETS_DISABLED_PLUGINS, and was not imported")
        elif not each.findings:
            named = f" (plugin {each.name})" if each.source != each.name else ""
            out.print(Text.assemble(("✓", "green"), f" {each.source}{named}"), soft_wrap=True)
    for each in broken:
        _print_broken(each)
    if all(each.disabled for each in checked) and target is None:
        note_no_source()
    return not broken


def _print_broken(plugin: Checked) -> None:
    package = f" ({plugin.package})" if plugin.package else ""
    count = counted(len(plugin.findings), "fault")
    err.print(Text.assemble(("✗", "red"), " ", (printable(plugin.name), "bold"), f"{package}: {count}"), soft_wrap=True)
    for finding in plugin.findings:
        _print_finding(finding)
    if plugin.remedy:
        err.print(
            Text.assemble("\n", ("What to do", "bold cyan"), "\n", wrapped(printable(plugin.remedy))), soft_wrap=True
        )
    err.print()


def _print_finding(finding: Finding) -> None:
    """Tell a fault: where, the line with a mark below what is meant, what was found, what should be there."""
    at, place = finding.spot, finding.place
    head = Text("\n")
    if at is not None:
        head.append(_place(at), style="bold").append("  ")
    err.print(head.append(" ".join(printable(finding.where).split()), style="cyan"), soft_wrap=True)
    if place is not None:
        line = place.text.split("\n")[place.line - 1]
        err.print(excerpt(f"SQL {place.line}", line, place.column, place.length, err.width), soft_wrap=True)
    elif at is not None and at.text.strip():
        err.print(excerpt(str(at.line), at.text, at.column, at.length, err.width), soft_wrap=True)
    for label, text in (("found", finding.found), ("expected", finding.expected)):
        body = wrapped(printable(text), first=" " * _INDENT, rest=" " * _INDENT)
        err.print(Text.assemble((f"  {label:<{_INDENT - 2}}", "dim"), body[_INDENT:]), soft_wrap=True)


def _place(at: Spot) -> str:
    place = _file(at.file)
    for part in (at.line, at.column):
        if part is None:
            break
        place = f"{place}:{part}"
    return place


def _file(file: Path) -> str:
    """Return a file's path from the working directory, where it lies below that."""
    here = Path.cwd().resolve()
    resolved = file.resolve()
    return str(resolved.relative_to(here) if resolved.is_relative_to(here) else resolved)


def _plain(plugin: Checked) -> dict[str, object]:
    return {
        "name": plugin.name,
        "moment": plugin.moment,
        "error": plugin.error,
        "faults": [
            {
                "file": _file(finding.spot.file) if finding.spot is not None else None,
                "line": finding.spot.line if finding.spot is not None else None,
                "column": finding.spot.column if finding.spot is not None else None,
                "where": finding.where,
                "found": f"{finding.found} at {finding.place} of the SQL" if finding.place else finding.found,
                "expected": finding.expected,
            }
            for finding in plugin.findings
        ],
    }
