"""Settings and surroundings of a test: what a person has set for real tables and a real cluster is not touched."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from streaming_assets.contract import Topic
from streaming_assets.settings import PREFIX, Settings


def isolated_settings(home: Path, **chosen: Any) -> Settings:
    """Return the defaults for a home, whatever the environment and `.env` say.

    Args:
        home: Where all state lies.
        chosen: Settings that have other values.
    """
    fields = Settings.model_fields.items()
    defaults = {name: field.get_default(call_default_factory=True) for name, field in fields}
    return Settings(**{**defaults, "home": home, "threads": 2, "pseudonym_key": "a key for tests", **chosen})


def isolated_environment(**variables: str) -> dict[str, str]:
    """Return the environment of a process without any of the framework's variables but those given."""
    ours = {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}
    return {**ours, **variables}


def lasting(topic: Topic) -> Topic:
    """Return a topic from which nothing is taken away during a test, however old the events of a sample are."""
    config = {name: value for name, value in topic.config.items() if not name.startswith("retention.")}
    return replace(topic, retention=None, config=config)
