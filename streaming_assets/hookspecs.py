"""The one hook a plugin implements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from streaming_assets.contract import EventSource

PROJECT = "streaming_assets"
"""pluggy's project name, and the name of the entry-point group."""

hookspec = pluggy.HookspecMarker(PROJECT)
"""Marks the hook that the framework calls."""

hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a plugin's `register_event_source`, so that the framework finds it; the function stays what it is."""


@hookspec
def register_event_source() -> EventSource:  # type: ignore[empty-body]
    """Called once when plugins are loaded: return the source's definition.

    It must not connect to anything: what brings events is made later, by `EventSource.producer`.
    """
