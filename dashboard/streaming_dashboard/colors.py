"""Colours of series: distinguishable in light and dark, and the same ones while the page is open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streaming_assets.lake.reader import OTHERS

PALETTE = (
    "#4c78a8",
    "#f58518",
    "#54a24b",
    "#e45756",
    "#72b7b2",
    "#b279a2",
    "#eeca3b",
    "#ff9da6",
    "#9d755d",
    "#9ccc65",
)
"""One colour for each series that keeps its name: Vega's scheme `tableau10` with its grey replaced."""

GREY = "#9aa0a6"
"""Colour of the series that the smaller ones are folded into."""


def assign(previous: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Give each series a colour; one that had a colour keeps it, so that a refresh does not repaint the chart.

    Args:
        previous: Colours of the last look, by series.
        names: The series there are now, as many as there are colours, and `OTHERS`.
    """
    wanted = sorted(set(names) - {OTHERS})
    colors = {name: previous[name] for name in wanted if name in previous}
    free = iter([color for color in PALETTE if color not in colors.values()])
    for name in wanted:
        if name not in colors:
            colors[name] = next(free)
    named = {name: colors[name] for name in wanted}
    return {**named, OTHERS: GREY} if OTHERS in set(names) else named
