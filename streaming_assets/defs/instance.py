"""The Dagster instance: its folder under `home`, with the settings that suit a machine of one's own."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from streaming_assets.settings import Settings

DAGSTER_YAML = "dagster.yaml"


def prepare_instance(settings: Settings) -> Path:
    """Make `<home>/dagster` the Dagster home of this process and its children; a `dagster.yaml` there is kept.

    Returns:
        The folder.
    """
    folder = settings.home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / DAGSTER_YAML
    if not target.exists():
        shipped = resources.files("streaming_assets.defs") / DAGSTER_YAML
        unfinished = folder / f".{DAGSTER_YAML}.{os.getpid()}"
        try:
            unfinished.write_text(shipped.read_text("utf-8"), "utf-8")
            unfinished.replace(target)  # so that a full disk leaves no half of it, which would be kept
        finally:
            unfinished.unlink(missing_ok=True)
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder
