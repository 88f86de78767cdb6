from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from streaming_assets.contract import Event, EventSource
from streaming_assets.defs.build import build_definitions
from streaming_assets.defs.jobs import refresh_job
from streaming_assets.defs.sensors import lag_sensor
from streaming_assets.defs.translator import SOURCE_TAG, Translator
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.registry import Registry, load_sources
from streaming_assets.settings import Settings, load_settings

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def _interaction(number: int) -> bytes:
    fields = {
        "id": f"e{number}",
        "timestamp": (NOON + timedelta(seconds=number)).isoformat(),
        "event": "message",
        "user_id": f"viewer-{number % 10}",
        "video_id": "v",
        "payload": "hello",
    }
    return json.dumps(fields).encode()


@dataclass
class Lab:
    """A source with a topic of its own on a real broker, a lake of its own and a Dagster instance of its own."""

    source: EventSource
    settings: Settings
    instance: dg.DagsterInstance
    publish: Callable[..., None]

    @cached_property
    def definitions(self) -> dg.Definitions:
        return build_definitions(Registry({self.source.name: self.source}), self.settings)

    @property
    def lake(self) -> Path:
        return self.settings.lake_path / self.source.name

    def refresh(self, *tables: str) -> dg.ExecuteInProcessResult:
        """Run the refresh, or the part of it that fills some tables."""
        keys = [dg.AssetKey([self.source.name, *table.split("/")]) for table in tables]
        return self._execute("refresh", asset_selection=keys or None)

    def verify(self) -> dict[str, dg.AssetCheckEvaluation]:
        """Run all costly checks; return what they say, by table and name."""
        evaluations = self._execute("verify").get_asset_check_evaluations()
        return {f"{'/'.join(each.asset_key.path[1:])} {each.check_name}": each for each in evaluations}

    def maintain(self) -> dg.ExecuteInProcessResult:
        return self._execute("maintain")

    def look(self, *, later: float = 0) -> dg.SensorResult | dg.SkipReason:
        """Evaluate the lag sensor, some seconds from now."""
        translator = Translator(self.source, self.settings)
        sensor = lag_sensor(translator, refresh_job(translator), now=lambda: time.time() + later)
        return sensor(dg.build_sensor_context(instance=self.instance))

    def record_run(self, status: dg.DagsterRunStatus, **more) -> str:
        """Put a run of the source into the instance; return its id."""
        run = dg.DagsterRun(
            f"refresh_{self.source.name}",
            run_id=str(uuid4()),
            status=status,
            **{"tags": {SOURCE_TAG: self.source.name}, **more},
        )
        self.instance.add_run(run)
        return run.run_id

    def _execute(self, what: str, **more) -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_job_def(f"{what}_{self.source.name}")
        return job.execute_in_process(instance=self.instance, raise_on_error=False, **more)


@pytest.fixture
def interaction() -> Callable[[int], bytes]:
    """Makes a chat message from its number: one a second from noon on, by ten viewers in turn."""
    return _interaction


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The installed plugins."""
    return load_sources()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a fresh home, without a broker."""
    return load_settings(home=tmp_path / "home", kafka_bootstrap_servers=None)


@pytest.fixture
def lab(broker, registry, topic_factory, tmp_path):
    """The source `user_interactions` with a topic of its own and nothing in it."""
    original = registry.sources["user_interactions"]
    source = replace(original, topic=topic_factory(key=original.topic.key))
    settings = load_settings(home=tmp_path / "home", kafka_bootstrap_servers=broker.bootstrap_servers)

    def publish(*values: bytes) -> None:
        with Publisher(broker, source.topic) as publisher:
            publisher.publish(Event(value=value) for value in values)

    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        yield Lab(source, settings, instance, publish)
