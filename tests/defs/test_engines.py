"""Which engine fills the tables of a source: by the settings, and by a run."""

from __future__ import annotations

import dagster as dg
import pytest
from deltalake import DeltaTable

from streaming_assets.defs.translator import Translator
from streaming_assets.settings import load_settings


def kinds(registry, settings, source: str) -> set[str]:
    """Return the kinds of a source's tables that tell their engine."""
    tables = Translator(registry.sources[source], settings).tables()
    return {kind for spec in tables for kind in spec.kinds} & {"duckdb", "spark"}


def test_assets_tell_their_engine(registry, tmp_path):
    """The kinds of a table name what fills it: the engine of all sources, or that of its own."""
    embedded = load_settings(home=tmp_path)
    mixed = load_settings(home=tmp_path, engine="spark", source_engines='{"github_events": "embedded"}')
    assert [kinds(registry, embedded, source) for source in registry.sources] == [{"duckdb"}, {"duckdb"}]
    assert kinds(registry, mixed, "github_events") == {"duckdb"}
    assert kinds(registry, mixed, "user_interactions") == {"spark"}


def engine_of(lab, table: str) -> str:
    """Return what wrote the newest commit of a table."""
    return DeltaTable(str(lab.lake / table)).history(1)[0]["engineInfo"].split("/")[0].split(":")[0]


@pytest.mark.broker
@pytest.mark.spark
def test_a_run_chooses_its_engine(lab, interaction, spark_settings):
    """A run whose config names another engine is done by that one; its tables verify, and the next run goes on."""
    lab.settings = load_settings(
        home=lab.settings.home, kafka_bootstrap_servers=lab.settings.kafka_bootstrap_servers, **spark_settings
    )
    lab.publish(*map(interaction, range(50)))
    config = {"resources": {"runtime": {"config": {"engine": "spark"}}}}
    assert lab._execute("refresh", run_config=config).success
    assert {engine_of(lab, table) for table in ("bronze", "silver", "gold/user_sessions")} == {"Apache-Spark"}
    lab.publish(*map(interaction, range(50, 60)))
    assert lab.refresh().success
    assert {engine_of(lab, table) for table in ("bronze", "silver", "gold/user_sessions")} == {"delta-rs"}
    assert [name for name, check in lab.verify().items() if not check.passed] == []


@pytest.mark.broker
def test_an_engine_that_there_is_not_is_refused(lab):
    """A run whose config names no engine is refused before it begins."""
    with pytest.raises(dg.DagsterInvalidConfigError, match="Engine"):
        lab._execute("refresh", run_config={"resources": {"runtime": {"config": {"engine": "flink"}}}})
