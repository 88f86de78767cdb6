"""The sidebar: what the viewer chooses once for the page. Choices stand in the address, so a link keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import streamlit as st

from streaming_assets.contract import EventSource

SPANS: Mapping[str, timedelta | None] = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "All": None,
}
"""The spans to choose from; None is all that is stored."""

_DEFAULT_SPAN = "1h"
_ALL = "all"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the viewer chose."""

    sources: tuple[EventSource, ...]
    """The sources to show."""
    span: timedelta | None
    """How far back from a table's newest window; None goes back to the oldest."""
    every: float | None
    """Seconds between two looks at the tables; None while paused."""


def show_sidebar(sources: Mapping[str, EventSource], every: float) -> Choice:
    """Show the choices and return what is chosen.

    Args:
        sources: The loaded sources by name.
        every: Seconds between two looks, where the viewer says nothing else.
    """
    with st.sidebar:
        st.markdown("### :material/stacked_line_chart: Streaming assets")
        name = st.selectbox(
            "Source",
            [_ALL, *sources],
            format_func=lambda name: "All sources" if name == _ALL else sources[name].title,
            key="source",
            bind="query-params",
        )
        span = st.segmented_control(
            "Time span",
            list(SPANS),
            default=_DEFAULT_SPAN,
            required=True,
            width="stretch",
            key="span",
            bind="query-params",
            help="Counted back from the newest window of each table, as the events may be replayed history.",
        )
        chosen_every = _refresh(every)
    chosen = tuple(sources.values()) if name == _ALL else (sources[name],)
    return Choice(chosen, SPANS[span or _DEFAULT_SPAN], chosen_every)


def _refresh(every: float) -> float | None:
    running = st.toggle("Refresh by itself", value=True, key="refresh")
    seconds = st.number_input(
        "Every … seconds",
        min_value=1.0,
        max_value=3600.0,
        value=max(1.0, every),
        step=1.0,
        format="%g",
        key="every",
        disabled=not running,
    )
    return float(seconds) if running else None
