"""Which tables a source has, and where they lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from streaming_assets.contract import Field, GoldTable, ScalarType
from streaming_assets.lake import layout
from streaming_assets.lake.layout import TableId

GOLD = GoldTable(
    name="totals",
    description="Totals.",
    sql="SELECT 1 AS n",
    columns=(Field(name="n", type=ScalarType.LONG),),
    keys=("n",),
)


@pytest.mark.parametrize(
    ("table", "name", "folder"),
    [
        (TableId("shop", "bronze"), "shop.bronze", "shop/bronze"),
        (TableId("shop", "quarantine"), "shop.quarantine", "shop/quarantine"),
        (TableId("shop", "gold", "totals"), "shop.gold.totals", "shop/gold/totals"),
    ],
)
def test_a_table_has_one_name_and_one_folder(table, name, folder):
    """A table is named by source, layer and its own name; folder and application id follow from that."""
    assert (table.name, table.app_id) == (name, f"streaming_assets/{name}")
    assert table.path(Path("lake")) == Path("lake") / folder


def test_tables_are_listed_as_events_pass_through_them(make_source):
    """A source has Bronze, Silver, quarantine and its Gold tables, in that order."""
    source = make_source(gold=(GOLD,))
    tables = [layout.bronze(source), layout.silver(source), layout.quarantine(source), layout.gold(source, GOLD)]
    assert tables == layout.tables_of(source)
    assert [table.layer for table in tables] == ["bronze", "silver", "quarantine", "gold"]
