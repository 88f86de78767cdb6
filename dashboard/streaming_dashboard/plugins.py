"""The plugins that are installed now: one may come while the dashboard runs."""

from __future__ import annotations

import importlib
import site

import streamlit as st

from streaming_assets.registry import Registry, installed_plugins, load_installed
from streaming_assets.settings import Settings


def current_registry(settings: Settings) -> Registry:
    """Return the loaded sources, and show the page anew as soon as a plugin was installed or removed."""
    installed = installed_plugins()
    st.fragment(_look_again, run_every=settings.dashboard_refresh_seconds)(installed)
    return _loaded(settings, settings.disabled_plugins, str(settings.lake_path), installed)


def _look_again(installed: tuple[tuple[str, str, str], ...]) -> None:
    if installed_plugins() != installed:
        st.rerun()


@st.cache_resource(show_spinner="Loading plugins …", max_entries=1)
def _loaded(
    _settings: Settings,
    disabled: tuple[str, ...],  # noqa: ARG001 - these three are the cache's key
    lake: str,  # noqa: ARG001
    installed: tuple[tuple[str, str, str], ...],  # noqa: ARG001
) -> Registry:
    # Where an editable install lies stands in a .pth file, which Python reads only when it starts.
    for folder in site.getsitepackages():
        site.addsitedir(folder)
    importlib.invalidate_caches()
    return load_installed(_settings)
