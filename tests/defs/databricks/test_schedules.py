"""What starts by itself for a source whose tables only jobs see: its sensor, and its maintenance."""

from __future__ import annotations

import dagster as dg
import pytest

from streaming_assets.defs.jobs import maintenance_job, maintenance_schedule
from streaming_assets.defs.translator import Translator
from streaming_assets.kafka.topics import topic_state
from streaming_assets.settings import load_settings

VOLUME = "/Volumes/main/streaming/files"
LAYERS = ("silver", "gold/events_by_type", "gold/user_sessions", "gold/video_activity")


@pytest.fixture
def unseen(lab):
    """The lab of a source whose tables are in a workspace."""
    lab.settings = load_settings(
        home=lab.settings.home,
        kafka_bootstrap_servers=lab.settings.kafka_bootstrap_servers,
        engine="databricks",
        databricks_volume=VOLUME,
    )
    return lab


def materialized(lab, table: str, *, batch: int, generation: int = 0, **metadata) -> None:
    """Let Dagster know of a materialization as a job would tell it."""
    lab.instance.report_runless_asset_event(
        dg.AssetMaterialization(
            dg.AssetKey([lab.source.name, *table.split("/")]),
            metadata={"batch": batch, **metadata},
            tags={"dagster/data_version": f"{batch}.{generation}" if generation else str(batch)},
        )
    )


def position(lab, broker, *, topic_id: str | None = None) -> dict[str, dg.MetadataValue]:
    """Return where a Bronze that has all of the topic goes on, as a job tells it."""
    state = topic_state(broker, lab.source.topic.name)
    prefix = f"{state.cluster_id}/{topic_id or state.topic_id}"
    return {"position": dg.MetadataValue.json({f"{prefix}/{one}": high for one, high in state.high.items()})}


@pytest.mark.broker
def test_a_source_without_tables_is_behind(unseen, interaction):
    """Before the first materialization, all records of the topic are to be read."""
    unseen.publish(*map(interaction, range(7)))
    result = unseen.look()
    assert len(result.run_requests) == 1
    assert result.asset_events[0].metadata["lag"].value == 7


@pytest.mark.broker
def test_a_topic_without_records_starts_nothing(unseen):
    """Without records and tables, no job is launched."""
    assert "holds no records yet" in unseen.look().skip_message


@pytest.mark.broker
def test_lag_is_taken_from_the_newest_materialization(unseen, interaction, broker):
    """Where Bronze goes on stands in its newest materialization: what came since is the lag, and nothing else is."""
    unseen.publish(*map(interaction, range(5)))
    materialized(unseen, "bronze", batch=1, **position(unseen, broker))
    for table in LAYERS:
        materialized(unseen, table, batch=1)
    assert "lag 0: Bronze has every record" in unseen.look().skip_message
    unseen.publish(*map(interaction, range(5, 8)))
    assert unseen.look().asset_events[0].metadata["lag"].value == 3


@pytest.mark.broker
@pytest.mark.parametrize("behind", ["silver", "gold/user_sessions"])
def test_a_refresh_that_ended_half_way_is_finished(behind, unseen, interaction, broker):
    """A table whose newest materialization lacks Bronze's last batch is to be refreshed."""
    unseen.publish(*map(interaction, range(5)))
    materialized(unseen, "bronze", batch=2, **position(unseen, broker))
    for table in LAYERS:
        materialized(unseen, table, batch=1 if table == behind else 2)
    result = unseen.look()
    assert len(result.run_requests) == 1
    assert "contains batch 1 and Bronze 2" in result.asset_events[0].description


@pytest.mark.broker
def test_gold_of_an_older_generation_is_refreshed(unseen, interaction, broker):
    """A Gold table that is older than a Silver made anew is to be refreshed."""
    unseen.publish(*map(interaction, range(5)))
    materialized(unseen, "bronze", batch=2, **position(unseen, broker))
    for table in LAYERS:
        materialized(unseen, table, batch=2, generation=0 if table == "gold/user_sessions" else 1)
    assert "several generations" in unseen.look().asset_events[0].description


@pytest.mark.broker
def test_another_topic_is_shown_by_a_run(unseen, interaction, broker):
    """Where the topic is not the one that Bronze was filled from, a run is started, which fails and explains."""
    unseen.publish(*map(interaction, range(5)))
    materialized(unseen, "bronze", batch=1, **position(unseen, broker, topic_id="AAAAAAAAAAAAAAAAAAAAAA"))
    assert len(unseen.look().run_requests) == 1


def test_maintenance_is_rare_and_alone(registry, settings):
    """Jobs have no lock in common, and cost money: maintenance waits in the source's pool, and comes once a night."""
    remote = load_settings(home=settings.home, engine="databricks", databricks_volume=VOLUME)
    translator = Translator(registry.sources["user_interactions"], remote)
    job = maintenance_job(translator)
    (node,) = job.graph.node_defs
    assert node.pool == translator.pool
    assert maintenance_schedule(translator, job).cron_schedule == "17 3 * * *"
    here = Translator(registry.sources["user_interactions"], settings)
    assert maintenance_job(here).graph.node_defs[0].pool is None


def test_tables_are_shown_where_they_lie(registry, settings):
    """The address of a table names the volume, and its kind the engine."""
    remote = load_settings(home=settings.home, engine="databricks", databricks_volume=VOLUME)
    bronze = Translator(registry.sources["user_interactions"], remote).bronze()
    assert bronze.metadata["dagster/uri"] == f"dbfs:{VOLUME}/lake/user_interactions/bronze"
    assert "databricks" in bronze.kinds
