"""`plugins`: which plugins there are, and what is wrong with them."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from streaming_assets.cli.console import err, out, print_error, print_json, print_table
from streaming_assets.contract import EventSource
from streaming_assets.errors import InvalidDefinition
from streaming_assets.registry import BrokenPlugin, Registry, load_sources
from streaming_assets.settings import load_settings


def plugins_list(*, as_json: bool) -> None:
    """List sources and the plugins that were left out."""
    registry = load_sources(disabled=load_settings().disabled_plugins)
    if as_json:
        print_json({"sources": _sources(registry), "broken": [_broken(plugin) for plugin in registry.broken]})
        return
    for source in registry.sources.values():
        _print_source(source)
    if registry.broken:
        print_table(
            ("left out", "when", "why"),
            ((plugin.name, plugin.moment, plugin.error.summary) for plugin in registry.broken),
        )


def _print_source(source: EventSource) -> None:
    """Write a source as lines, as its names are as long as they are, and can't be broken."""
    out.print(Text.assemble((source.name, "bold"), f"  {source.title}"), soft_wrap=True)
    lines = Table.grid(padding=(0, 2))
    lines.add_row("  topic", source.topic.name)
    lines.add_row("  gold tables", ", ".join(table.name for table in source.gold))
    out.print(lines)


def plugins_check(name: str | None, *, as_json: bool) -> bool:
    """Check one plugin or all; return whether there is no fault.

    Raises:
        UnknownSource: No plugin has that name.
    """
    registry = load_sources()
    broken = [plugin for plugin in registry.broken if name in (None, plugin.name)]
    if name is not None and not broken:
        registry.get(name)
    if as_json:
        print_json([_broken(plugin) for plugin in broken])
        return not broken
    for plugin in broken:
        err.print(Text.assemble(("✗ ", "red"), f"{plugin.name} ({plugin.moment})"))
        print_error(plugin.error)
    for source in registry.sources:
        if name in (None, source):
            out.print(f"[green]✓[/] {source}")
    return not broken


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
