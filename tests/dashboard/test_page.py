"""The page as Streamlit runs it, over small Gold tables of the real plugins, without a browser."""

from __future__ import annotations

import json
import shutil
import sys

import pyarrow as pa
import pytest

from streaming_assets.lake import layout


def charts(page) -> list[tuple[dict, pa.Table]]:
    """Give the specification and the rows of every drawn chart."""
    return [
        (json.loads(chart.proto.spec), pa.ipc.open_stream(chart.proto.datasets[0].data.data).read_all())
        for chart in page.get("vega_lite_chart")
    ]


def texts(page) -> str:
    """Give all that the page says in words."""
    elements = [*page.markdown, *page.caption, *page.info, *page.warning, *page.error, *page.code, *page.header]
    return "\n".join(element.value for element in elements)


def metrics(page) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def test_github_events(home, dashboard):
    """The page of GitHub's events has bars per minute and type, a table of users, and bars of repositories."""
    home.fill_github()

    page = dashboard.run()
    page.selectbox(key="source").set_value("github_events").run()

    assert list(page.exception) == []
    assert [header.value for header in page.header] == ["GitHub events"]
    (per_minute, rows), (_, repositories) = charts(page)
    assert per_minute["mark"]["type"] == "bar"
    assert per_minute["encoding"]["x"]["scale"] == {"type": "utc"}
    assert sorted(zip(rows["s"].to_pylist(), rows["y"].to_pylist(), rows["when"].to_pylist(), strict=True)) == [
        ("PushEvent", 4, "2026-03-01 12:01 to 12:02 UTC"),
        ("PushEvent", 7, "2026-03-01 12:00 to 12:01 UTC"),
        ("WatchEvent", 2, "2026-03-01 12:00 to 12:01 UTC"),
    ]
    assert repositories["y"].to_pylist() == [100 - number for number in range(10)]
    assert page.dataframe[0].value.to_dict("list") == {
        "org": ["duckdb", "apache", "pola-rs"],
        "active_users": [5, 3, 1],
    }


def test_user_interactions(home, dashboard):
    """The page of user interactions has events by type, sessions and videos."""
    home.fill_users()

    page = dashboard.run()
    page.selectbox(key="source").set_value("user_interactions").run()

    assert list(page.exception) == []
    drawn = charts(page)
    assert [rows.num_rows for _, rows in drawn] == [4, 2, 2, 1]
    assert drawn[0][0]["mark"]["type"] == "area"
    assert {label: metrics(page)[label] for label in ("Sessions", "Mean session, seconds")} == {
        "Sessions": "2",
        "Mean session, seconds": "450.0",
    }
    assert page.dataframe[0].value["user_id"].to_list() == ["bob", "ann"]
    assert page.dataframe[1].value["user_id"].to_list() == ["ann", "bob"]


def test_all_sources_stand_on_one_page(home, dashboard):
    """Unless the viewer chooses one, all sources are shown."""
    home.fill_github()
    home.fill_users()

    page = dashboard.run()

    assert list(page.exception) == []
    assert [header.value for header in page.header] == ["GitHub events", "User interactions"]


PLUGIN = """
from streaming_assets import Batch, EventSchema, EventSource, Field, ScalarType, SilverTable, Topic, hookimpl

NAME = Field(name="name", type=ScalarType.STRING)


@hookimpl
def register_event_source():
    return EventSource(
        name="names",
        title="Names",
        description="Who came.",
        topic=Topic(name="names"),
        schema=EventSchema(fields=(Field(name="at", type=ScalarType.TIMESTAMP), NAME), event_time="at"),
        producer=lambda options: None,
        silver=SilverTable(description="Names.", sql="SELECT name FROM events", columns=(NAME,)),
        gold=(),
    )
"""


def test_a_plugin_that_comes_and_goes_needs_no_restart(dashboard, tmp_path, monkeypatch):
    """A plugin is shown as soon as its installation is complete, and no longer than it is installed."""
    site = tmp_path / "site"
    info = site / "names-1.0.dist-info"
    info.mkdir(parents=True)
    monkeypatch.syspath_prepend(site)
    before = [header.value for header in dashboard.run().header]

    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: names\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[streaming_assets]\nnames = plugin_that_comes\n")
    half = dashboard.run()
    assert [header.value for header in half.header] == before
    assert "1 plugin was left out: names" in [expander.label for expander in half.expander]

    (site / "plugin_that_comes.py").write_text(PLUGIN)
    (info / "RECORD").write_text("plugin_that_comes.py,,\n")
    assert [header.value for header in dashboard.run().header] == [before[0], "Names", *before[1:]]
    chosen = dashboard.selectbox(key="source").set_value("names").run()
    assert [header.value for header in chosen.header] == ["Names"]

    shutil.rmtree(info)
    after = dashboard.run()
    assert (list(after.exception), [header.value for header in after.header]) == ([], before)


def test_span_is_chosen_once_for_the_page(home, dashboard):
    """The span counts back from the newest row: three hours ago is inside six hours, not inside one."""
    home.fill_users()

    page = dashboard.run()
    one_hour = metrics(page)["Sessions"]
    page.segmented_control(key="span").set_value("6h").run()

    assert (one_hour, metrics(page)["Sessions"]) == ("2", "3")


def test_viewer_chooses_how_many(home, dashboard):
    """The viewer's number of bars wins over the chart's own, and what is cut is said."""
    home.fill_github(repositories=12)

    page = dashboard.run()
    before = texts(page)
    page.select_slider(key="limit/github_events.gold.top_repositories/0").set_value(5).run()

    assert "10 of 12 bars." in before
    assert "5 of 12 bars." in texts(page)
    assert charts(page)[1][1]["x"].to_pylist() == [f"owner/repository-{number:02}" for number in range(5)]


def test_new_rows_are_seen_and_choices_kept(home, dashboard):
    """A look after a commit shows the new rows, with the number of bars that the viewer chose."""
    home.fill_github(repositories=12)

    page = dashboard.run()
    page.select_slider(key="limit/github_events.gold.top_repositories/0").set_value(5).run()
    home.fill_github(repositories=13)
    page.run()

    assert "5 of 13 bars." in texts(page)


def test_missing_tables_are_named(dashboard):
    """Of tables that do not exist yet it is said what to do."""
    page = dashboard.run()

    assert list(page.exception) == []
    assert page.info[0].value == (
        "Table github_events.gold.events_per_type does not exist yet: "
        "produce events and run `streaming-assets refresh github_events`"
    )
    assert len(page.info) == 6


def test_empty_table_says_so(home, dashboard):
    """A table without rows is not drawn as an empty chart."""
    home.fill("github_events", "events_per_type")

    page = dashboard.run()

    assert "Table `github_events.gold.events_per_type` has no rows yet." in texts(page)


def test_unreadable_table_costs_its_card_only(home, dashboard):
    """Of a table that can't be read the error's text is shown, and the other tables as ever."""
    home.fill_github()
    table = home.lake / "github_events" / "gold" / "events_per_type"
    for commit in (table / "_delta_log").glob("*.json"):
        commit.write_text("no JSON")

    page = dashboard.run()

    assert list(page.exception) == []
    assert len(page.error) == 1
    assert "events\\_per\\_type is damaged" in page.error[0].value
    assert "Traceback" not in texts(page)
    assert "<unknown>" not in texts(page)
    assert len(page.dataframe) == 1


def test_no_plugins(home, dashboard, monkeypatch):
    """Without plugins the page says so and how to get one."""
    monkeypatch.setenv("STREAMING_ASSETS_DISABLED_PLUGINS", ",".join(home.sources))

    page = dashboard.run()

    assert list(page.exception) == []
    assert "No event source is loaded." in page.info[0].value


def test_broken_plugin_is_named(dashboard, tmp_path, monkeypatch):
    """A plugin that can't be loaded is named with its reason, and the others are shown."""
    installed = tmp_path / "installed"
    (installed / "weather-1.0.dist-info").mkdir(parents=True)
    (installed / "weather-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: weather\nVersion: 1.0\n"
    )
    (installed / "weather-1.0.dist-info" / "entry_points.txt").write_text("[streaming_assets]\nweather = weather\n")
    (installed / "weather.py").write_text("raise ValueError('no barometer')\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(installed)])

    page = dashboard.run()

    assert list(page.exception) == []
    assert page.expander[0].label == "1 plugin was left out: weather"
    assert "ValueError: no barometer" in page.expander[0].code[0].value
    assert len(page.header) == 2


def test_wrong_settings_are_told(dashboard, monkeypatch):
    """Settings that can't be used are named instead of a stack trace."""
    monkeypatch.setenv("STREAMING_ASSETS_DASHBOARD_REFRESH_SECONDS", "often")

    page = dashboard.run()

    assert list(page.exception) == []
    assert "The settings can't be used." in page.error[0].value
    assert "STREAMING_ASSETS_DASHBOARD_REFRESH_SECONDS" in page.code[0].value


@pytest.mark.parametrize("layer", ["bronze", "silver", "quarantine"])
def test_unreadable_layer_costs_the_facts_only(home, dashboard, layer):
    """Of a layer that can't be read the error is shown instead of the facts, and the charts as ever."""
    home.fill_github()
    log = layout.TableId("github_events", layer).path(home.lake) / "_delta_log"
    log.mkdir(parents=True)
    (log / "00000000000000000000.json").write_text("no JSON")

    page = dashboard.run()

    assert list(page.exception) == []
    assert len(page.error) == 1
    assert len(charts(page)) == 2


def test_tables_in_a_workspace_are_not_those_here(home, dashboard, monkeypatch):
    """Of a source that jobs in a workspace fill, the page says so, and shows no table that another engine left here."""
    home.fill_users()
    monkeypatch.setenv("STREAMING_ASSETS_SOURCE_ENGINES", '{"user_interactions": "databricks"}')
    page = dashboard.run()
    page.selectbox(key="source").set_value("user_interactions").run()
    assert (list(page.exception), charts(page), metrics(page)) == ([], [], {})
    assert "Its tables lie in a Databricks workspace" in texts(page)
