"""`plugins list`, `plugins check`, and what a broken plugin does to the other commands."""

from __future__ import annotations

import json

import pytest

HEALTHY = ["github_events", "user_interactions"]

RAISING = "raise RuntimeError('no luck today')\n"

FAULTY = """
from streaming_assets import EventSchema, EventSource, Field, GoldTable, ScalarType, SilverTable, Topic, hookimpl

@hookimpl
def register_event_source():
    return EventSource(
        name="faulty",
        title="Faulty",
        description="Two faults.",
        topic=Topic(name="faulty", partitions=0),
        schema=EventSchema(fields=(Field(name="at", type=ScalarType.TIMESTAMP),), event_time="when"),
        producer=lambda options: None,
        silver=SilverTable(sql="SELECT at AS moment FROM events", columns=(
            Field(name="moment", type=ScalarType.TIMESTAMP),
        )),
        gold=(),
    )
"""


@pytest.fixture
def with_broken_plugins(offline):
    """The command line where two plugins are installed that can't be used."""
    offline.install("raising", RAISING)
    offline.install("faulty", FAULTY)
    return offline


def test_list_shows_the_sources(offline):
    """Sources are listed with title, topic and Gold tables, whose names no line breaks, and as JSON."""
    shown = offline.ok("plugins", "list")
    listed = offline.json("plugins", "list")
    assert [name for name in HEALTHY if name not in shown] == []
    gold = [name for source in listed["sources"] for name in source["gold"]]
    assert [name for name in gold if name not in shown.replace(",", " ").split()] == []
    assert max(map(len, shown.splitlines())) <= 80
    assert [(source["name"], source["topic"]) for source in listed["sources"]] == [
        ("github_events", "logs_raw"),
        ("user_interactions", "user_interactions"),
    ]
    assert listed["sources"][0]["gold"] == ["events_per_type", "active_users_per_org", "top_repositories"]
    assert listed["broken"] == listed["disabled"] == []


def test_check_of_sound_plugins_succeeds(offline):
    """Without faults the exit code is 0, one line a plugin, and an empty list as JSON."""
    assert offline.ok("plugins", "check").split() == ["✓", "github_events", "✓", "user_interactions"]
    assert offline.ok("plugins", "check", "github_events").split() == ["✓", "github_events"]
    assert offline.json("plugins", "check") == []


def test_list_shows_what_was_left_out(with_broken_plugins):
    """Broken plugins are listed with the moment and the reason, and the others are still there."""
    listed = with_broken_plugins.json("plugins", "list")
    assert [source["name"] for source in listed["sources"]] == HEALTHY
    assert [(plugin["name"], plugin["moment"]) for plugin in listed["broken"]] == [
        ("faulty", "validation"),
        ("raising", "import"),
    ]
    shown = with_broken_plugins.ok("plugins", "list")
    assert "left out" in shown
    assert "faulty" in shown
    assert "raising" in shown


def test_check_tells_all_faults(with_broken_plugins):
    """The exit code is 1, and every fault is named with its place: on the terminal and as JSON."""
    done = with_broken_plugins.run("plugins", "check")
    assert done.returncode == 1
    assert [
        text for text in ("no luck today", "schema.event_time", "topic.partitions") if text not in done.stderr
    ] == []
    assert done.stdout.split() == ["✓", "github_events", "✓", "user_interactions"]
    assert "Traceback" not in done.stderr

    as_json = with_broken_plugins.run("plugins", "check", "--json")
    faulty, raising = json.loads(as_json.stdout)
    assert as_json.returncode == 1
    assert {fault["where"] for fault in faulty["faults"]} >= {"schema.event_time", "topic.partitions"}
    assert "RuntimeError: no luck today" in raising["error"]


def test_check_of_one_plugin_looks_at_that_one(with_broken_plugins):
    """A named plugin is checked alone, and one that does not exist is an error."""
    assert with_broken_plugins.ok("plugins", "check", "github_events").split() == ["✓", "github_events"]
    assert "no luck today" in with_broken_plugins.fails("plugins", "check", "raising")
    told = with_broken_plugins.fails("plugins", "check", "github_evnts")
    assert "did you mean 'github_events'?" in told


def test_other_commands_go_on_without_the_broken_ones(with_broken_plugins):
    """A command on sound sources works, and says on standard error what was left out."""
    done = with_broken_plugins.run("tables", "github_events", "--json")
    assert done.returncode == 0
    assert len(json.loads(done.stdout)) == 6
    assert "left out raising (import)" in done.stderr
    assert "left out faulty (validation)" in done.stderr


def test_disabled_plugins_are_not_loaded(with_broken_plugins):
    """What the settings disable is neither loaded nor reported."""
    listed = with_broken_plugins.json(
        "plugins", "list", STREAMING_ASSETS_DISABLED_PLUGINS="raising, faulty,github_events"
    )
    assert [source["name"] for source in listed["sources"]] == ["user_interactions"]
    assert (listed["broken"], listed["disabled"]) == ([], ["faulty", "github_events", "raising"])


@pytest.mark.parametrize("command", [["list"], ["check"], ["check", "raising"]])
def test_disabled_plugins_are_told(with_broken_plugins, command):
    """`list` and `check` say of a disabled plugin that it is, which is no fault."""
    variables = {"STREAMING_ASSETS_DISABLED_PLUGINS": "raising,faulty"}
    done = with_broken_plugins.run("plugins", *command, **variables)
    assert (done.returncode, "no luck today" in done.stderr) == (0, False)
    assert "raising is disabled by STREAMING_ASSETS_DISABLED_PLUGINS, and was not imported" in done.stderr
