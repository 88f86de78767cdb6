"""What is missing or broken, said plainly and without stack traces."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

import streamlit as st

from streaming_assets.contract import EventSource
from streaming_assets.errors import StreamingAssetsError
from streaming_assets.registry import BrokenPlugin
from streaming_dashboard.wording import plain, told


def show_problem(error: StreamingAssetsError) -> None:
    """Show an error: what happened and was found, what to do, and the rest behind a click."""
    found = f"Found: {plain(error.found.splitlines()[0])}" if error.found else ""
    remedy = f"What to do: {error.remedy}" if error.remedy else ""
    parts = [plain(error.summary), found, remedy]
    st.error("\n\n".join(part for part in parts if part), icon=":material/error:")
    with st.expander("Details"):
        st.code(told(error), language=None, wrap_lines=True)


def show_unforeseen(source: EventSource, error: Exception) -> None:
    """Say that a source can't be shown, where nobody foresaw why."""
    st.error(f"{plain(source.name)} can't be shown; the other sources can.", icon=":material/error:")
    with st.expander("Details"):
        st.code("".join(traceback.format_exception(error)), language=None, wrap_lines=True)


def show_broken(broken: Sequence[BrokenPlugin]) -> None:
    """Name the plugins that were left out, with the reasons behind a click."""
    if not broken:
        return
    names = ", ".join(dict.fromkeys(plugin.name for plugin in broken))
    count = "1 plugin was" if len(broken) == 1 else f"{len(broken)} plugins were"
    with st.expander(f"{count} left out: {plain(names)}", icon=":material/warning:"):
        for plugin in broken:
            st.markdown(f"**{plain(plugin.name)}** failed at its {plugin.moment}:")
            st.code(told(plugin.error), language=None, wrap_lines=True)


def show_no_sources() -> None:
    """Say that there is nothing to show, and how to get something."""
    st.info(
        "No event source is loaded. Install a plugin, or write one as the README shows; "
        "`streaming-assets plugins list` shows what is installed.",
        icon=":material/extension:",
    )


def show_elsewhere() -> None:
    """Say that the tables of a source can't be seen from here."""
    st.info("Its tables lie in a Databricks workspace; Dagster shows them.", icon=":material/cloud:")
