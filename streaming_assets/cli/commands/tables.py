"""`tables`: how the tables stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from streaming_assets.cli.console import age, print_json, print_table, size
from streaming_assets.cli.context import sources
from streaming_assets.layers.state import TableState, source_state
from streaming_assets.settings import load_settings


def tables(names: Sequence[str], *, as_json: bool) -> None:
    """List the tables of sources.

    Raises:
        StreamingAssetsError: A source is unknown, or a table can't be read.
    """
    settings = load_settings()
    states = {source.name: source_state(source, settings.lake_path) for source in sources(settings).select(names)}
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


def _plain(state: TableState) -> dict[str, object]:
    return {**asdict(state), "table": state.table.name, "exists": state.version is not None}
