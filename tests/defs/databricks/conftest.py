"""A source whose tables are filled by jobs in a stand-in of a workspace."""

from __future__ import annotations

import os

import dagster as dg
import pytest

from streaming_assets.contract import Event
from streaming_assets.defs.build import build_definitions
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.topics import ensure_topic
from streaming_assets.registry import Registry
from streaming_assets.settings import PREFIX, load_settings
from tests.support import databricks_workspace as support

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
        # Pipes looks each second, and would wait ten for the last messages of a job that was killed.
        monkeypatch.setattr("dagster._core.pipes.utils.DEFAULT_SLEEP_INTERVAL", 0.05)
        monkeypatch.setattr("dagster._core.pipes.utils.WAIT_FOR_LOGS_AFTER_EXECUTION_INTERVAL", 0)
        made.profile = profile
        made.secrets[SCOPE] = {"pseudonym_key": KEY}
        yield made


@pytest.fixture
def patient(workspace):
    """Has the SDK repeat what is refused for half a minute: for what passes, also on a busy machine."""
    profile = workspace.profile.read_text()
    workspace.profile.write_text(profile.replace("retry_timeout_seconds = 2", "retry_timeout_seconds = 30"))


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
        ensure_topic(broker, source.topic)
        with Publisher(broker, source.topic) as publisher:
            publisher.publish(Event(value=value) for value in values)

    lab.publish = publish
    return lab


class Far:
    """A source that only jobs fill, with no Kafka that answers; runs end as the workspace lets them."""

    def __init__(self, source, workspace, instance, home):
        self.source, self.workspace, self.instance = source, workspace, instance
        self.settings = {
            "home": home,
            "kafka_bootstrap_servers": "127.0.0.1:9",
            "engine": "databricks",
            "databricks_volume": str(workspace.volume),
            "databricks_secret_scope": SCOPE,
            "databricks_poll_seconds": 0.1,
        }

    def run(self, table: str = "bronze", *, run_config=None, **settings) -> dg.ExecuteInProcessResult:
        """Materialize one table."""
        key = dg.AssetKey([self.source.name, *table.split("/")])
        return self.run_job(f"refresh_{self.source.name}", asset_selection=[key], run_config=run_config, **settings)

    def run_job(self, name: str, *, asset_selection=None, run_config=None, **settings) -> dg.ExecuteInProcessResult:
        """Run a job of the definitions; keyword arguments are settings."""
        chosen = load_settings(**{**self.settings, **settings})
        definitions = build_definitions(Registry({self.source.name: self.source}), chosen)
        return definitions.resolve_job_def(name).execute_in_process(
            instance=self.instance, raise_on_error=False, asset_selection=asset_selection, run_config=run_config
        )

    def fails(self, table: str = "bronze", **how) -> str:
        """Materialize one table, which must fail for a reason; return the reason's text."""
        result = self.run(table, **how)
        assert not result.success
        (failed,) = [event for event in result.all_events if event.is_step_failure and "verify" not in event.step_key]
        return failed.event_specific_data.user_failure_data.description

    def log(self) -> str:
        """Return all that Dagster has of its runs, as text."""
        runs = [record.dagster_run.run_id for record in self.instance.get_run_records()]
        return "\n".join(repr(entry) for run_id in runs for entry in self.instance.all_logs(run_id))


@pytest.fixture
def far(registry, workspace, tmp_path):
    """The source `user_interactions`, filled by jobs only, without a broker."""
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        yield Far(registry.sources["user_interactions"], workspace, instance, tmp_path / "home")
