from __future__ import annotations

import logging
from importlib.metadata import EntryPoint, entry_points

import dagster as dg
import pytest

from streaming_assets.definitions import defs
from streaming_assets.defs.build import build_definitions
from streaming_assets.registry import load_sources

GRAPH = {
    "github_events": {
        "topic": [],
        "bronze": ["topic"],
        "silver": ["bronze"],
        "quarantine": ["bronze"],
        "gold/events_per_type": ["silver"],
        "gold/active_users_per_org": ["silver"],
        "gold/top_repositories": ["silver"],
    },
    "user_interactions": {
        "topic": [],
        "bronze": ["topic"],
        "silver": ["bronze"],
        "quarantine": ["bronze"],
        "gold/events_by_type": ["silver"],
        "gold/user_sessions": ["silver"],
        "gold/video_activity": ["silver"],
    },
}


@pytest.fixture
def definitions(registry, settings):
    return build_definitions(registry, settings)


@pytest.fixture
def graph(definitions):
    return definitions.resolve_asset_graph()


def test_assets_and_what_they_are_made_from(graph):
    """Each source is a topic, Bronze, Silver, quarantine and its Gold tables, each made from the one before."""
    found = {
        node.key.to_user_string(): sorted(parent.to_user_string() for parent in node.parent_keys)
        for node in graph.asset_nodes
    }
    assert found == {
        f"{source}/{asset}": [f"{source}/{parent}" for parent in parents]
        for source, assets in GRAPH.items()
        for asset, parents in assets.items()
    }


def test_group_is_the_source(graph):
    """All assets of a source are in the group of its name."""
    assert {(node.group_name, node.key.path[0]) for node in graph.asset_nodes} == {(name, name) for name in GRAPH}


def test_only_topics_are_external(graph):
    """The framework fills every table, and leaves the topics to whoever writes to them."""
    external = {node.key.to_user_string() for node in graph.asset_nodes if not node.is_materializable}
    assert external == {"github_events/topic", "user_interactions/topic"}


def test_kinds_say_format_layer_and_engine(graph):
    """A table shows that it is a Delta table, its layer, and what computes it; a topic shows Kafka."""
    kinds = {key: graph.get(dg.AssetKey(["github_events", *key.split("/")])).kinds for key in GRAPH["github_events"]}
    layers = {key: key.split("/")[0] for key in kinds if key != "topic"}
    expected = {key: {"deltalake", "duckdb", layer} for key, layer in layers.items()}
    assert kinds == {"topic": {"kafka"}, **expected}


def test_checks(graph):
    """What is cheap and must hold blocks what follows; what is costly or a warning blocks nothing."""
    gold = {"gold/events_per_type", "gold/active_users_per_org", "gold/top_repositories"}
    found = {
        ("/".join(key.asset_key.path[1:]), key.name, graph.get(key).blocking)
        for key in graph.asset_check_keys
        if key.asset_key.path[0] == "github_events"
    }
    assert found == {
        ("bronze", "records_once", True),
        ("silver", "reconciled", True),
        ("silver", "event_id_unique", False),
        ("quarantine", "quarantine_share", False),
        *(("bronze", name, False) for name in ("offsets", "batches")),
        *(("silver", name, False) for name in ("all_reconciled", "all_event_ids_unique")),
        *((table, "equals_recompute", False) for table in ("silver", "quarantine", *gold)),
    }


def test_jobs_sensors_and_schedules(definitions):
    """Each source has a refresh with a lag sensor, a maintenance with a schedule, a replay and a proof; all on."""
    repository = definitions.get_repository_def()
    jobs = {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")}
    sensors = {each.name: (each.job_name, each.default_status.value) for each in repository.sensor_defs}
    schedules = {each.name: (each.job_name, each.default_status.value) for each in repository.schedule_defs}
    kinds = ("refresh", "maintain", "replay_quarantine", "verify")
    assert jobs == {f"{what}_{source}" for what in kinds for source in GRAPH}
    assert sensors == {f"{source}_lag": (f"refresh_{source}", "RUNNING") for source in GRAPH}
    assert schedules == {f"maintain_{source}_when_due": (f"maintain_{source}", "RUNNING") for source in GRAPH}


def test_refresh_leaves_the_costly_checks_out(definitions):
    """A refresh fills all tables and checks what it brought, and nothing whose cost grows with what is stored."""
    steps = {node.name for node in definitions.resolve_job_def("refresh_user_interactions").graph.nodes}
    assert steps == {
        "user_interactions__bronze",
        "user_interactions__silver",
        "user_interactions__gold__events_by_type",
        "user_interactions__gold__user_sessions",
        "user_interactions__gold__video_activity",
    }


@pytest.mark.parametrize("source", GRAPH)
def test_one_pool_for_each_source(definitions, source):
    """Everything that writes rows is in the source's pool; maintenance is not, as it runs beside a stream."""
    tables = {
        definitions.resolve_assets_def(dg.AssetKey([source, *asset.split("/")])).op.pool
        for asset in GRAPH[source]
        if asset != "topic"
    }
    maintenance = {node.pool for node in definitions.resolve_job_def(f"maintain_{source}").all_node_defs}
    assert (tables, maintenance) == ({f"delta_{source}"}, {None})


def test_code_location_loads(monkeypatch, tmp_path):
    """The installed plugins give definitions that Dagster accepts, without a warning and without a file written."""
    monkeypatch.setenv("STREAMING_ASSETS_HOME", str(tmp_path / "home"))
    loaded = defs()
    dg.Definitions.validate_loadable(loaded)
    assert {key.path[0] for key in loaded.resolve_asset_graph().get_all_asset_keys()} >= set(GRAPH)
    assert not (tmp_path / "home").exists()


def test_disabled_plugin_has_no_assets(monkeypatch):
    """A plugin that the settings disable is not in the code location."""
    monkeypatch.setenv("STREAMING_ASSETS_DISABLED_PLUGINS", "github_events")
    assert "github_events" not in {key.path[0] for key in defs().resolve_asset_graph().get_all_asset_keys()}


def test_broken_plugin_leaves_the_others(settings, caplog):
    """A plugin that can't be imported is logged and shown with its reason, and the others have all their assets."""
    broken = EntryPoint(name="clicks", value="no_such_module_of_clicks", group="streaming_assets")
    registry = load_sources(entry_points=[broken, *entry_points(group="streaming_assets")])
    with caplog.at_level(logging.WARNING):
        definitions = build_definitions(registry, settings)
    dg.Definitions.validate_loadable(definitions)
    graph = definitions.resolve_asset_graph()
    shown = graph.get(dg.AssetKey(["broken-plugins", "clicks"]))
    assert "no_such_module_of_clicks" in shown.description
    assert [record.getMessage().splitlines()[0] for record in caplog.records] == [
        "Plugin clicks was left out: The plugin 'clicks' failed while it was imported."
    ]
    assert len(graph.get_all_asset_keys()) == sum(map(len, GRAPH.values())) + 1


def test_broken_plugins_of_one_name_are_shown_once(settings):
    """Two broken plugins of one name, also of one that is no identifier, do not break the code location."""
    broken = [EntryPoint(name="a b/c-d.e", value=f"no_such_module_{n}", group="streaming_assets") for n in (1, 2)]
    definitions = build_definitions(load_sources(entry_points=broken), settings)
    dg.Definitions.validate_loadable(definitions)
    (shown,) = definitions.resolve_asset_graph().asset_nodes
    assert ["no_such_module_1" in shown.description, "no_such_module_2" in shown.description] == [True, True]
