from __future__ import annotations

from dataclasses import replace

import dagster as dg
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from deltalake import DeltaTable

from streaming_assets.settings import load_settings


def reason(looked: dg.SensorResult | dg.SkipReason) -> str:
    assert isinstance(looked, dg.SkipReason)
    return looked.skip_message or ""


@pytest.mark.broker
def test_no_lag_is_no_run(lab, interaction):
    """With all records in Bronze the sensor launches nothing and says so."""
    lab.publish(interaction(1))
    lab.refresh()
    assert reason(lab.look()) == f"lag 0: Bronze has every record of {lab.source.topic.name}"


@pytest.mark.broker
def test_topic_without_records_is_no_run(lab):
    """An empty topic is nothing to launch a run for."""
    assert reason(lab.look()) == f"lag 0: topic {lab.source.topic.name} holds no records yet"


@pytest.mark.broker
def test_lag_launches_one_run(lab, interaction):
    """Records that Bronze does not have launch one run without a run key, and are observed on the topic."""
    lab.publish(*map(interaction, range(3)))
    lab.refresh()
    lab.publish(*map(interaction, range(3, 8)))
    looked = lab.look()
    assert [(request.run_key, dict(request.run_config)) for request in looked.run_requests] == [(None, {})]
    (observed,) = looked.asset_events
    assert (observed.asset_key.path, observed.metadata["lag"].value) == (["user_interactions", "topic"], 5)


@pytest.mark.broker
@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTING", "STARTED", "CANCELING"])
def test_active_run_is_waited_for(lab, interaction, status):
    """While a run of the source has not ended, the sensor launches no other one."""
    lab.publish(interaction(1))
    run_id = lab.record_run(dg.DagsterRunStatus[status])
    assert reason(lab.look()) == f"Run {run_id} of user_interactions has not ended ({status})."


@pytest.mark.broker
def test_run_from_the_asset_graph_is_waited_for(lab, interaction):
    """A run that a person started for some assets of the source is waited for, too."""
    lab.publish(interaction(1))
    selection = frozenset({dg.AssetKey(["user_interactions", "silver"])})
    run_id = lab.record_run(dg.DagsterRunStatus.STARTED, tags={}, asset_selection=selection)
    assert run_id in reason(lab.look())


@pytest.mark.broker
def test_runs_of_other_sources_do_not_matter(lab, interaction):
    """An active run of another source holds nothing up."""
    lab.publish(interaction(1))
    lab.record_run(dg.DagsterRunStatus.STARTED, tags={"streaming_assets/source": "github_events"})
    assert len(lab.look().run_requests) == 1


@pytest.mark.broker
def test_failed_run_is_waited_after(lab, interaction):
    """After a run that failed, the sensor waits ten seconds and says so; then it launches the next one."""
    lab.publish(interaction(1))
    lab.refresh()
    DeltaTable(str(lab.lake / "silver")).delete("event_id = 'e1'")
    assert not lab.refresh().success
    lab.publish(interaction(2))
    waiting = reason(lab.look())
    assert waiting.startswith(f"lag 1: Bronze is behind {lab.source.topic.name}; the last run failed, ")
    assert len(lab.look(later=10.1).run_requests) == 1


@pytest.mark.broker
@pytest.mark.parametrize(("failures", "seconds"), [(1, 10), (2, 20), (3, 40), (6, 320), (7, 600), (8, 600), (12, 600)])
def test_wait_doubles_up_to_ten_minutes(lab, interaction, failures, seconds):
    """Each further failure in a row doubles the wait, up to ten minutes."""
    lab.publish(interaction(1))
    for _ in range(failures):
        lab.record_run(dg.DagsterRunStatus.FAILURE)
    looked = [lab.look(later=seconds - 5), lab.look(later=seconds + 0.1)]
    assert [isinstance(each, dg.SkipReason) for each in looked] == [True, False]


@pytest.mark.broker
def test_success_ends_the_wait(lab, interaction):
    """Failures before a run that worked count no more."""
    lab.publish(interaction(1))
    for status in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS):
        lab.record_run(status)
    assert len(lab.look().run_requests) == 1


@pytest.mark.broker
@pytest.mark.parametrize(
    ("done", "behind"),
    [(("bronze",), "silver"), (("bronze", "silver", "quarantine", "gold/events_by_type"), "gold.user_sessions")],
)
def test_refresh_that_ended_half_way_is_taken_up(lab, interaction, done, behind):
    """Without lag, a table that does not contain all of Bronze's batches launches a run, too."""
    lab.publish(interaction(1))
    assert lab.refresh(*done).success
    looked = lab.look()
    assert [event.description for event in looked.asset_events] == [
        f"lag 0, but user_interactions.{behind} contains batch 0 and Bronze 1"
    ]
    assert len(looked.run_requests) == 1


@pytest.mark.broker
def test_recreated_topic_launches_a_run_that_explains(lab, interaction, topic_factory):
    """A topic that Bronze was not filled from is not taken for one without lag."""
    lab.publish(interaction(1))
    lab.refresh()
    looked = replace(lab, source=replace(lab.source, topic=topic_factory())).look()
    assert "is not the one Bronze was filled from" in looked.asset_events[0].description
    assert len(looked.run_requests) == 1


@pytest.mark.broker
@pytest.mark.parametrize("deleted", ["records", "topic"])
def test_what_is_deleted_unread_launches_a_run_that_explains(lab, interaction, delete_topics, deleted):
    """Records, or a topic, that are gone before they were read are no lack of lag, and the run names the command."""
    lab.publish(interaction(1))
    lab.refresh()
    lab.publish(*map(interaction, range(2, 9)))
    name = lab.source.topic.name
    if deleted == "topic":
        delete_topics(name)
    else:
        client = AdminClient({"bootstrap.servers": lab.settings.kafka_bootstrap_servers})
        places = [TopicPartition(name, partition, -1) for partition in range(lab.source.topic.partitions)]
        [done.result(30) for done in client.delete_records(places).values()]

    looked = lab.look()
    run = lab.refresh("bronze")

    happened, command = {
        "records": ("deleted before they were read", "`streaming-assets refresh user_interactions --accept-loss`"),
        "topic": ("is gone", "&& streaming-assets refresh user_interactions`"),
    }[deleted]
    assert happened in looked.asset_events[0].description
    assert len(looked.run_requests) == 1
    (failed,) = [event for event in run.all_events if event.is_step_failure]
    description = failed.step_failure_data.user_failure_data.description
    assert happened in description
    assert command in description


@pytest.mark.broker
def test_without_a_broker_the_sensor_says_how_to_start_one(lab, tmp_path):
    """Where no broker runs, the sensor names the command, and starts none itself."""
    alone = replace(lab, settings=load_settings(home=tmp_path / "alone", kafka_bootstrap_servers=None))
    assert "`streaming-assets up`" in reason(alone.look())
    assert not (tmp_path / "alone").exists()


@pytest.mark.broker
def test_gold_of_an_older_generation_is_refreshed(lab, interaction):
    """Where Silver was made anew and Gold was not, the sensor launches the run that computes Gold again, once."""
    lab.publish(*map(interaction, range(3)))
    lab.refresh()
    source, job = lab.source.name, lab.definitions.resolve_job_def(f"refresh_{lab.source.name}")
    job.execute_in_process(
        instance=lab.instance,
        asset_selection=[dg.AssetKey([source, layer]) for layer in ("silver", "quarantine")],
        run_config={"ops": {f"{source}__silver": {"config": {"rebuild": True}}}},
    )
    looked = lab.look()
    assert "tables are of several generations" in (looked.asset_events[0].description or "")
    assert len(looked.run_requests) == 1
    lab.refresh()
    assert reason(lab.look()).startswith("lag 0: Bronze has every record")
