"""The page: sidebar, plugins that failed, and one section per source that looks again by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from streaming_assets.contract import EventSource
from streaming_assets.errors import SettingsError
from streaming_assets.settings import Settings, load_settings
from streaming_dashboard.facts import show_facts
from streaming_dashboard.gold import show_tables
from streaming_dashboard.plugins import current_registry
from streaming_dashboard.problems import show_broken, show_elsewhere, show_no_sources, show_problem, show_unforeseen
from streaming_dashboard.sidebar import Choice, show_sidebar
from streaming_dashboard.wording import plain


def show_page() -> None:
    """Show the whole page; Streamlit calls it for every change the viewer makes."""
    st.set_page_config(page_title="Streaming assets", page_icon="📈", layout="wide", initial_sidebar_state=340)
    try:
        settings = load_settings()
    except SettingsError as error:
        show_problem(error)
        return
    registry = current_registry(settings)
    show_broken(registry.broken)
    if not registry.sources:
        show_no_sources()
        return
    choice = show_sidebar(registry.sources, settings.dashboard_refresh_seconds)
    for source in choice.sources:
        _show_source(source, settings, choice)


def _show_source(source: EventSource, settings: Settings, choice: Choice) -> None:
    # A fragment runs alone, on its own clock, and leaves the rest of the page and the viewer's choices as they are.
    st.fragment(_section, run_every=choice.every)(source, settings, choice.span)


def _section(source: EventSource, settings: Settings, span: timedelta | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.header(plain(source.title), anchor=source.name, width="content")
        st.caption(f"Last look {datetime.now(UTC):%H:%M:%S} UTC", width="content")
    try:
        _show_state(source, settings, span)
    except Exception as error:  # noqa: BLE001 - whatever a plugin declares, it costs no other source
        show_unforeseen(source, error)


def _show_state(source: EventSource, settings: Settings, span: timedelta | None) -> None:
    st.markdown(source.description)
    if settings.is_elsewhere(source.name):
        show_elsewhere()  # what lies here of the source, if anything, is of another engine
        return
    show_facts(source, settings)
    show_tables(source, settings.lake_path, span)
