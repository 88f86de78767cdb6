"""The job that replays quarantine, on tables whose Bronze is written by hand."""

from __future__ import annotations

import dagster as dg
import pytest

from streaming_assets.defs.build import build_definitions
from streaming_assets.registry import Registry
from tests.support import mending


@pytest.fixture
def replay(tmp_path):
    """Runs the job of a mended source with a configuration; two records fit now, one does not."""
    lab = mending.lab.Lab(tmp_path, mending.BEFORE)
    lab.bronze(mending.nameless("a"), mending.whole("b"), mending.nameless("c"), b"x")
    mending.refresh(lab)
    lab.engine.close()
    definitions = build_definitions(Registry({"shop": mending.AFTER}), lab.settings)
    with dg.instance_for_test() as instance:
        job = definitions.resolve_job_def("replay_quarantine_shop")

        def run(**config):
            ops = {"shop__replay_quarantine": {"config": config}}
            return lab, job.execute_in_process({"ops": ops}, instance=instance, raise_on_error=False)

        yield run


def observed(result):
    events = [event for event in result.all_events if event.event_type_value == "ASSET_OBSERVATION"]
    observations = [event.event_specific_data.asset_observation for event in events]
    return {
        "/".join(each.asset_key.path): {name: value.value for name, value in each.metadata.items()}
        for each in observations
    }


def test_the_job_replays_and_tells_the_tables(replay):
    """The job moves what fits to Silver and Gold, and Silver and quarantine show what became of the records."""
    lab, result = replay()
    told = {"batch": 2, "to_silver": 2, "duplicates": 0, "still_quarantined": 1}
    assert (result.success, observed(result)) == (True, {"shop/silver": told, "shop/quarantine": told})
    assert [row["events"] for row in lab.rows("gold", "total")] == [3]


def test_the_job_takes_a_reason_and_a_time(replay):
    """Only what is selected is replayed; where that is nothing, the job succeeds and changes nothing."""
    lab, result = replay(reason="not_json", since="2h")
    assert (result.success, observed(result), len(lab.rows("silver"))) == (True, {}, 1)
    assert replay(reason="null_field", since="2026-03-01T12:00:00Z")[1].success is True
    assert len(lab.rows("silver")) == 3


def test_a_wrong_configuration_fails_the_job(replay):
    """A reason that does not exist fails the run with the vocabulary, and without a retry."""
    lab, result = replay(reason="rubbish")
    (failed,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    assert "one of no_value, " in failed.event_specific_data.error_display_string
    assert len(lab.rows("silver")) == 1
