"""How the columns of a table are shown."""

from __future__ import annotations

from typing import Any

import streamlit as st

from streaming_assets.contract import Chart, Field, GoldTable, ScalarType
from streaming_dashboard.wording import human


def column_config(table: GoldTable, chart: Chart, largest: float | None) -> dict[str, Any]:
    """Return Streamlit's settings of the columns: numbers with separators, times in UTC, descriptions as help.

    Args:
        table: The table whose columns they are.
        chart: The chart that shows them; the column it sorts by gets a bar in its cells.
        largest: Largest value of the sort column, which the longest bar stands for; None without bars.
    """
    return {column.name: _config(column, chart, largest) for column in table.columns}


def _config(column: Field, chart: Chart, largest: float | None) -> Any:
    label, hint = human(column.name), column.description or None
    if column.type in (ScalarType.LONG, ScalarType.DOUBLE):
        if column.name == chart.sort and largest is not None and largest > 0:
            return st.column_config.ProgressColumn(
                label, help=hint, format="localized", min_value=0, max_value=largest, color="#4c78a8"
            )
        return st.column_config.NumberColumn(label, help=hint, format="localized")
    if column.type == ScalarType.TIMESTAMP:
        return st.column_config.DatetimeColumn(
            f"{label} (UTC)", help=hint, format="YYYY-MM-DD HH:mm:ss", timezone="UTC"
        )
    return st.column_config.Column(label, help=hint)
