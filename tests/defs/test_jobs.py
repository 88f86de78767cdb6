"""Jobs and schedules: when maintenance runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import uuid4

import dagster as dg
import pyarrow as pa
import pytest

from streaming_assets.defs.build import build_definitions
from streaming_assets.lake.layout import bronze
from streaming_assets.lake.opening import open_or_create
from streaming_assets.lake.schemas import BRONZE

HOURLY = datetime(2026, 3, 1, 12, 17, tzinfo=UTC)
"""When what no reader needs is deleted."""

BETWEEN = datetime(2026, 3, 1, 12, 22, tzinfo=UTC)
"""A tick of the schedule between two of those."""


@pytest.fixture
def look(registry, settings):
    """Evaluates the schedule of GitHub's events at a time."""
    schedule = build_definitions(registry, settings).resolve_schedule_def("maintain_github_events_when_due")

    def evaluate(instance, at):
        return schedule(dg.build_schedule_context(instance=instance, scheduled_execution_time=at))

    return evaluate


@pytest.fixture
def many_files(registry, settings):
    """A Bronze table of so many small files that a merge is worth it."""
    source = registry.sources["github_events"]
    for number in range(8):
        row = {"topic": "logs_raw", "partition": 0, "offset": number, "timestamp_type": 0, "batch": number + 1}
        row |= {"ingested_at": HOURLY, "ingested_date": HOURLY.date()}
        table = open_or_create(source, bronze(source), settings.lake_path)
        table.append(pa.Table.from_pylist([row], schema=BRONZE), batch=number + 1, metadata={})


def test_maintenance_runs_every_hour(look):
    """Once an hour a run is launched, whatever there is; in between there is nothing to merge."""
    with dg.instance_for_test() as instance:
        assert isinstance(look(instance, HOURLY), dg.RunRequest)
        assert look(instance, BETWEEN) == dg.SkipReason("no table of github_events has many small files")


@pytest.mark.usefixtures("many_files")
def test_maintenance_runs_as_soon_as_it_is_worth_it(look):
    """Where a table has many small files, a run is launched, which merges only where that is worth it."""
    with dg.instance_for_test() as instance:
        request = look(instance, BETWEEN)
    assert request.run_config == {"ops": {"github_events__maintain": {"config": {"min_files": 8}}}}


@pytest.mark.usefixtures("many_files")
def test_a_broken_table_is_told_by_a_run(look, settings):
    """Where a table can't be read, a run is launched, which fails with the reason."""
    log = settings.lake_path / "github_events" / "bronze" / "_delta_log"
    (log / f"{8:020}.json").write_text(json.dumps({"broken": True})[:-1])
    with dg.instance_for_test() as instance:
        assert isinstance(look(instance, BETWEEN), dg.RunRequest)


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING])
def test_maintenance_does_not_queue_up(look, status):
    """While an earlier maintenance has not ended no other one starts."""
    run = dg.DagsterRun("maintain_github_events", run_id=str(uuid4()), status=status)
    with dg.instance_for_test() as instance:
        instance.add_run(run)
        assert look(instance, HOURLY) == dg.SkipReason(f"run {run.run_id} of maintain_github_events has not ended")
