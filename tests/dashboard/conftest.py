"""A home with small Gold tables of both plugins, and the dashboard over it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from streaming_assets.lake import layout
from streaming_assets.lake.opening import open_or_create
from streaming_assets.lake.schemas import gold_schema
from streaming_assets.registry import load_sources

DASHBOARD = Path(__file__).parents[2] / "dashboard"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

sys.path.append(str(DASHBOARD))  # as `streamlit run` does with the script's folder


class Home:
    """A home whose Gold tables the test fills."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lake = path / "lake"
        self.sources = load_sources().sources

    def fill(self, source: str, table: str, *rows: tuple) -> None:
        """Replace the rows of a Gold table in one commit."""
        definition = next(gold for gold in self.sources[source].gold if gold.name == table)
        schema = gold_schema(definition)
        opened = open_or_create(self.sources[source], layout.gold(self.sources[source], definition), self.lake)
        named = [dict(zip(schema.names, row, strict=True)) for row in rows]
        opened.replace(pa.Table.from_pylist(named, schema=schema), where=None, batch=opened.batch + 1, metadata={})

    def fill_github(self, *, repositories: int = 12) -> None:
        """Fill the Gold tables of GitHub's events: two minutes, three organisations, some repositories."""
        minute, five, hour = timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=1)
        self.fill(
            "github_events",
            "events_per_type",
            (NOON, NOON + minute, "PushEvent", 7),
            (NOON, NOON + minute, "WatchEvent", 2),
            (NOON + minute, NOON + 2 * minute, "PushEvent", 4),
        )
        self.fill(
            "github_events",
            "active_users_per_org",
            (NOON - hour, NOON, "apache", 99),
            (NOON, NOON + hour, "apache", 3),
            (NOON, NOON + hour, "duckdb", 5),
            (NOON, NOON + hour, "pola-rs", 1),
        )
        bars = [(NOON, NOON + five, f"owner/repository-{number:02}", 100 - number) for number in range(repositories)]
        self.fill("github_events", "top_repositories", *bars)

    def fill_users(self) -> None:
        """Fill the Gold tables of the user interactions: two minutes, three sessions, two videos."""
        minute, hour = timedelta(minutes=1), timedelta(hours=1)
        self.fill(
            "user_interactions",
            "events_by_type",
            (NOON, NOON + minute, "join", 2),
            (NOON, NOON + minute, "message", 6),
            (NOON + minute, NOON + 2 * minute, "message", 3),
        )
        self.fill(
            "user_interactions",
            "user_sessions",
            ("ann", NOON - 3 * hour, NOON - 2 * hour, 3600, 40),
            ("ann", NOON, NOON + 10 * minute, 600, 12),
            ("bob", NOON + 5 * minute, NOON + 10 * minute, 300, 9),
        )
        self.fill(
            "user_interactions",
            "video_activity",
            (NOON, NOON + hour, "chess", 20, 140, 12, 35),
            (NOON, NOON + hour, "cooking", 9, 30, 4, None),
        )


@pytest.fixture
def home(tmp_path, monkeypatch) -> Home:
    """An empty home that the settings name, without Kafka."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STREAMING_ASSETS_HOME", str(tmp_path / "home"))
    for name in ("LAKE", "KAFKA_BOOTSTRAP_SERVERS", "DISABLED_PLUGINS"):
        monkeypatch.delenv(f"STREAMING_ASSETS_{name}", raising=False)
    st.cache_resource.clear()  # plugins are loaded once per process
    return Home(tmp_path / "home")


@pytest.fixture
def dashboard(home) -> AppTest:  # noqa: ARG001 - the home is what it shows
    """The dashboard over the home, not yet run."""
    return AppTest.from_file(str(DASHBOARD / "app.py"), default_timeout=60)
