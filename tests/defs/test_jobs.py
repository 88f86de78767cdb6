from __future__ import annotations

from uuid import uuid4

import dagster as dg
import pytest

from streaming_assets.defs.build import build_definitions


@pytest.fixture
def schedule(registry, settings):
    definitions = build_definitions(registry, settings)
    return definitions.resolve_schedule_def("maintain_github_events_hourly")


def test_maintenance_runs_every_hour(schedule):
    """Each tick of the schedule launches one run."""
    with dg.instance_for_test() as instance:
        assert isinstance(schedule(dg.build_schedule_context(instance=instance)), dg.RunRequest)


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING])
def test_maintenance_does_not_queue_up(schedule, status):
    """While an earlier maintenance has not ended, for instance because a stream holds the pool, no other one starts."""
    run = dg.DagsterRun("maintain_github_events", run_id=str(uuid4()), status=status)
    with dg.instance_for_test() as instance:
        instance.add_run(run)
        looked = schedule(dg.build_schedule_context(instance=instance))
    assert looked == dg.SkipReason(f"run {run.run_id} of maintain_github_events has not ended")
