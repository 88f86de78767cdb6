from __future__ import annotations

import os

import dagster as dg
import pytest

from streaming_assets.defs.instance import prepare_instance


@pytest.fixture(autouse=True)
def _dagster_home(monkeypatch):
    """Whatever a test makes of the variable is undone."""
    monkeypatch.setenv("DAGSTER_HOME", "")


def test_folder_becomes_the_dagster_home(settings):
    """The folder `dagster` of the home is made, and Dagster finds it by its variable."""
    folder = prepare_instance(settings)
    assert (folder, os.environ["DAGSTER_HOME"]) == (settings.home / "dagster", str(folder))


def test_changed_settings_are_kept(settings):
    """A dagster.yaml that is there, and may have been changed, is not written again."""
    folder = prepare_instance(settings)
    (folder / "dagster.yaml").write_text("nux: {enabled: true}\n", "utf-8")
    prepare_instance(settings)
    assert (folder / "dagster.yaml").read_text("utf-8") == "nux: {enabled: true}\n"


def test_dagster_takes_the_shipped_settings(settings):
    """An instance made from the shipped file queues runs, lets one run at a time into a pool, and watches its runs."""
    prepare_instance(settings)
    with dg.DagsterInstance.get() as instance:
        pools = instance.get_concurrency_config().pool_config
        assert (
            type(instance.run_coordinator).__name__,
            type(instance.compute_log_manager).__name__,
            pools.default_pool_limit,
            pools.pool_granularity.value,
            instance.run_monitoring_enabled,
            instance.run_retries_enabled,
            instance.telemetry_enabled,
        ) == ("QueuedRunCoordinator", "NoOpComputeLogManager", 1, "run", True, True, False)
