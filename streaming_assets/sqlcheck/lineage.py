"""Which Silver columns a Gold column is made of."""

from __future__ import annotations

from streaming_assets.contract import EventSource, GoldTable
from streaming_assets.sqlcheck.origins import origins
from streaming_assets.sqlcheck.query import read_query, resolve
from streaming_assets.sqlcheck.relations import SILVER, silver_relation


def column_lineage(source: EventSource, table: GoldTable) -> dict[str, list[str]]:
    """Say for every column of a Gold table which columns of Silver its values are made of.

    What rows are filtered and grouped by does not count, so `count(*)` is made of nothing.

    Args:
        source: A source whose definition has no faults.
        table: One of its Gold tables.

    Returns:
        Silver columns by Gold column, in the order of Silver. Columns that the framework adds to Silver
        count as well; those of the window are no columns of Silver and come as `event_time`.
    """
    relation = silver_relation(source.silver, table)
    resolved = resolve(read_query(table.sql), SILVER, relation)
    made_of = {item.alias_or_name.lower(): origins(resolved.scopes[-1], item) for item in resolved.tree.selects}
    return {
        column.name: _in_silver(made_of.get(column.name.lower(), set()), list(relation)) for column in table.columns
    }


def _in_silver(names: set[str], silver: list[str]) -> list[str]:
    of_window = {"window_start", "window_end"}
    stored = {"event_time" if name in of_window else name for name in names}
    return [name for name in silver if name.lower() in stored and name not in of_window]
