"""A source whose tables are filled by jobs in a stand-in of a workspace."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from streaming_assets.contract import Event
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.settings import PREFIX, load_settings

_FILE = Path(__file__).parents[2] / "support" / "databricks_workspace.py"
_SPEC = importlib.util.spec_from_file_location("databricks_workspace", _FILE)
support = sys.modules[_SPEC.name] = importlib.util.module_from_spec(_SPEC)  # its dataclasses look there
_SPEC.loader.exec_module(support)

KEY = "a key for tests"
SCOPE = "streaming"


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A workspace that the environment of the SDK names; the SDK repeats what is refused for two seconds only."""
    pytest.importorskip("dagster_databricks", reason="engine `databricks` is not installed")
    with support.databricks_workspace(tmp_path / "workspace") as made:
        profile = tmp_path / "databrickscfg"
        profile.write_text(f"[DEFAULT]\nhost = {made.url}\ntoken = {support.TOKEN}\nretry_timeout_seconds = 2\n")
        for name in [name for name in os.environ if name.startswith(("DATABRICKS_", PREFIX))]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(profile))
        # Pipes would wait ten seconds for the last messages of a job that was killed.
        monkeypatch.setattr("dagster._core.pipes.utils.WAIT_FOR_LOGS_AFTER_EXECUTION_INTERVAL", 0)
        made.profile = profile
        made.secrets[SCOPE] = {"pseudonym_key": KEY}
        yield made


@pytest.fixture
def remote(lab, registry, workspace, broker, request):
    """The lab of a source whose tables are filled by jobs; its topic is the plugin's own, as jobs know no other."""
    request.getfixturevalue("delete_topics")()
    source = lab.source = registry.sources["user_interactions"]
    lab.settings = load_settings(
        home=lab.settings.home,
        kafka_bootstrap_servers=broker.bootstrap_servers,
        engine="databricks",
        databricks_volume=str(workspace.volume),
        databricks_secret_scope=SCOPE,
        databricks_poll_seconds=0.2,
    )

    def publish(*values: bytes) -> None:
        with Publisher(broker, source.topic) as publisher:
            publisher.publish(Event(value=value) for value in values)

    lab.publish = publish
    return lab
