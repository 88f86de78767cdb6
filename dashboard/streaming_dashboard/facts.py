"""The row of facts about a source: lag, rows, age."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import streamlit as st

from streaming_assets.contract import EventSource
from streaming_assets.errors import TableError
from streaming_assets.lake.reader import TableSummary, table_summary
from streaming_assets.settings import Settings
from streaming_dashboard.lag import Lag, LagWatch
from streaming_dashboard.problems import show_problem
from streaming_dashboard.wording import UNKNOWN, duration, moment

_ROWS = {
    "bronze": "Records as they came from Kafka.",
    "silver": "Clean events, each once.",
    "quarantine": "Records that do not fit the schema, set aside with a reason.",
}


@st.cache_resource(show_spinner=False)
def lag_watch(_settings: Settings, home: str, servers: str | None) -> LagWatch:  # noqa: ARG001 - the cache's key
    """Return the one watch of this process over the broker of a home, or over a cluster."""
    return LagWatch(_settings)


def show_facts(source: EventSource, settings: Settings) -> None:
    """Show how far the source is behind its topic, how many rows its layers have, and when it was last written."""
    behind = lag_watch(settings, str(settings.home), settings.kafka_bootstrap_servers).look(source)
    try:
        layers = {
            layer: table_summary(source, layer, settings.lake_path) for layer in ("bronze", "silver", "quarantine")
        }
    except TableError as error:
        show_problem(error)
        return
    with st.container(horizontal=True, gap="small"):
        _show_lag(behind, source)
        _show_rows(layers)
        _show_age(layers, settings)
    if behind.records is None:
        st.caption(f":material/info: Lag is not known: {behind.reason}.")


def _show_lag(behind: Lag, source: EventSource) -> None:
    hint = f"Offsets of the topic `{source.topic.name}` that Bronze has not read yet."
    value = behind.records if behind.records is not None else UNKNOWN
    st.metric("Lag", value, border=True, format="localized", help=hint)


def _show_rows(layers: Mapping[str, TableSummary | None]) -> None:
    for layer, summary in layers.items():
        rows = summary.rows if summary is not None else UNKNOWN
        st.metric(f"{layer.capitalize()} rows", rows, border=True, format="localized", help=_ROWS[layer])


def _show_age(layers: Mapping[str, TableSummary | None], settings: Settings) -> None:
    commits = [summary.committed_at for summary in layers.values() if summary is not None]
    if not commits:
        st.metric("Newest commit", UNKNOWN, border=True)
        return
    age = datetime.now(UTC) - max(commits)
    stale = age > settings.freshness
    st.metric(
        "Newest commit",
        f"{duration(age)} ago",
        border=True,
        help=f"{moment(max(commits))}. It counts as stale after {duration(settings.freshness)}.",
        delta="stale" if stale else None,
        delta_color="orange",
        delta_arrow="off",
    )
