"""`plugins list`: which plugins there are, and which were left out."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from streaming_assets.cli.console import out, print_json, print_note, print_table
from streaming_assets.cli.context import note_no_source
from streaming_assets.contract import EventSource
from streaming_assets.errors import InvalidDefinition
from streaming_assets.registry import BrokenPlugin, Registry, load_installed
from streaming_assets.settings import load_settings


def plugins_list(*, as_json: bool) -> None:
    """List sources and the plugins that were left out."""
    registry = load_installed(load_settings())
    if as_json:
        broken = [_broken(plugin) for plugin in registry.broken]
        print_json({"sources": _sources(registry), "broken": broken, "disabled": registry.disabled})
        return
    for source in registry.sources.values():
        _print_source(source)
    if registry.broken:
        print_table(
            ("left out", "when", "why"),
            ((plugin.name, plugin.moment, plugin.error.summary) for plugin in registry.broken),
        )
    _tell_disabled(registry.disabled)
    if not registry.sources and not registry.broken:
        note_no_source()


def _tell_disabled(names: Iterable[str]) -> None:
    for name in names:
        print_note(f"{name} is disabled by STREAMING_ASSETS_DISABLED_PLUGINS, and was not imported")


def _print_source(source: EventSource) -> None:
    """Write a source as lines, as its names are as long as they are, and can't be broken."""
    out.print(Text.assemble((source.name, "bold"), f"  {source.title}"), soft_wrap=True)
    lines = Table.grid(padding=(0, 2))
    lines.add_row("  topic", source.topic.name)
    lines.add_row("  gold tables", ", ".join(table.name for table in source.gold))
    out.print(lines)


def _sources(registry: Registry) -> list[dict[str, object]]:
    return [
        {
            "name": source.name,
            "title": source.title,
            "description": source.description,
            "topic": source.topic.name,
            "gold": [table.name for table in source.gold],
        }
        for source in registry.sources.values()
    ]


def _broken(plugin: BrokenPlugin) -> dict[str, object]:
    faults = plugin.error.faults if isinstance(plugin.error, InvalidDefinition) else []
    return {
        "name": plugin.name,
        "moment": plugin.moment,
        "error": str(plugin.error),
        "faults": [{"where": fault.where, "found": fault.found, "expected": fault.expected} for fault in faults],
    }
