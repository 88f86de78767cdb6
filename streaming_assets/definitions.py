"""The Dagster code location: all installed sources. Named by `workspace.yaml`."""

from __future__ import annotations

import dagster as dg

from streaming_assets.defs.build import build_definitions
from streaming_assets.registry import load_installed
from streaming_assets.settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """Read the settings, load the plugins, and make the definitions of their sources.

    Raises:
        SettingsError: The settings are wrong.
    """
    settings = load_settings()
    return build_definitions(load_installed(settings), settings)
