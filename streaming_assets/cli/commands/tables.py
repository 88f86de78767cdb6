"""`tables`: how the tables stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from streaming_assets.cli.console import age, print_json, print_note, print_table, size
from streaming_assets.cli.context import sources_here
from streaming_assets.lake.layout import TableId
from streaming_assets.layers.state import TableState, source_state
from streaming_assets.settings import load_settings


def tables(names: Sequence[str], *, as_json: bool) -> None:
    """List the tables of sources.

    Raises:
        StreamingAssetsError: A source is unknown, or a table can't be read.
    """
    settings = load_settings()
    states = {source.name: source_state(source, settings.lake_path) for source in sources_here(settings, names)}
    if as_json:
        print_json([_plain(state) for of_source in states.values() for state in of_source])
        return
    for name, of_source in states.items():
        print_table(
            ("table", "rows", "size", "version", "batch", "last commit"),
            (
                (
                    state.table.name.removeprefix(f"{name}."),
                    state.rows,
                    size(state.bytes),
                    state.version,
                    state.batch,
                    age(state.committed_at) or "not there yet",
                )
                for state in of_source
            ),
            title=name,
        )
        tell_outdated(name, [state.table for state in of_source if state.outdated])


def tell_outdated(source: str, outdated: Sequence[TableId]) -> None:
    """Tell which tables another definition made than the plugin has now, and the command that rebuilds them."""
    names = [table.name.removeprefix(f"{source}.") for table in outdated]
    older = [name for name in names if not name.startswith("gold.")]
    if older:
        print_note(
            f"{source}: {' and '.join(older)} {'has' if len(older) == 1 else 'have'} rows of another definition than "
            "the plugin's; "
            f"`streaming-assets refresh {source} --rebuild silver` rebuilds them"
        )
    elif names:
        print_note(f"{source}: the next refresh computes {', '.join(names)} again, as the definition has changed")


def _plain(state: TableState) -> dict[str, object]:
    return {**asdict(state), "table": state.table.name, "exists": state.version is not None}
