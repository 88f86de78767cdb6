"""Settings that can't be used, and sources that do not exist: told at once, before anything starts."""

from __future__ import annotations

from typing import get_args

import pytest

from streaming_assets.settings import EngineName

FRAME = dict.fromkeys(map(ord, "╭─╮│╰╯"), " ")
SECRET = "hunter2"


@pytest.mark.parametrize(
    "command", [["refresh"], ["tables"], ["verify"], ["up"], ["demo"], ["broker"], ["plugins", "list"]]
)
def test_all_faults_are_told_and_no_secret(offline, command):
    """Every wrong variable is named with what it should be; nothing starts, and values of secrets do not appear."""
    told = offline.fails(
        *command,
        STREAMING_ASSETS_THREADS="0",
        STREAMING_ASSETS_BATCH_RECORDS="many",
        STREAMING_ASSETS_KAFKA_CONFIG=f'{{"sasl.password": ["{SECRET}"]}}',
        STREAMING_ASSETS_PSEUDONYM_KEY=SECRET,
    )
    named = (
        "SettingsError",
        "STREAMING_ASSETS_THREADS",
        "STREAMING_ASSETS_BATCH_RECORDS",
        "STREAMING_ASSETS_KAFKA_CONFIG",
    )
    assert [name for name in named if name not in told] == []
    assert SECRET not in told
    assert not offline.home.exists()


def test_text_that_is_no_json_is_a_fault_like_others(offline):
    """A Kafka configuration that is no JSON is named together with the other faults, and not shown."""
    told = offline.fails(
        "tables", STREAMING_ASSETS_KAFKA_CONFIG=f"sasl.password={SECRET}", STREAMING_ASSETS_THREADS="0"
    )
    assert "STREAMING_ASSETS_KAFKA_CONFIG" in told
    assert "STREAMING_ASSETS_THREADS" in told
    assert SECRET not in told


def test_dot_env_is_read_and_the_environment_wins(offline):
    """Variables of the file `.env` count, unless the environment has them too."""
    (offline.folder / ".env").write_text(
        "STREAMING_ASSETS_THREADS=none\nSTREAMING_ASSETS_DISABLED_PLUGINS=github_events\n"
    )
    assert "STREAMING_ASSETS_THREADS" in offline.fails("plugins", "list")
    listed = offline.json("plugins", "list", STREAMING_ASSETS_THREADS="1")
    assert [source["name"] for source in listed["sources"]] == ["user_interactions"]


@pytest.mark.parametrize("command", ["produce", "refresh", "tables", "verify"])
def test_unknown_source_is_told_with_the_nearest(offline, command):
    """An unknown source is an error that suggests the nearest, or an installation; no broker is started for it."""
    told = offline.fails(command, "githb_events")
    assert told.startswith("UnknownSource There is no source 'githb_events'.")
    assert "did you mean 'github_events'?; `streaming-assets plugins list` shows all plugins" in told
    assert "has to be installed" not in told
    assert "one that is new has to be installed" in offline.fails(command, "orders")
    assert not offline.home.exists()


def test_wrong_options_of_a_source_are_told(offline):
    """The options of a source are checked before a broker is started, all faults at once, without the token."""
    told = offline.fails(
        "produce",
        "github_events",
        STREAMING_ASSETS_GITHUB_EVENTS_PER_PAGE="1000",
        STREAMING_ASSETS_GITHUB_EVENTS_TOKEN=f"{SECRET} with spaces",
        STREAMING_ASSETS_GITHUB_EVENTS_API_URL="ftp://example.invalid",
    )
    assert [name for name in ("PER_PAGE", "TOKEN", "API_URL") if f"GITHUB_EVENTS_{name}" not in told] == []
    assert SECRET not in told
    assert not offline.home.exists()


def test_unknown_engine_is_told(offline):
    """An engine that does not exist is told by the option or the variable that named it, with those that there are."""
    done = offline.run("refresh", "--engine", "flink")
    told = " ".join(done.stderr.translate(FRAME).split())
    assert (done.returncode, done.stdout) == (2, "")
    assert "Invalid value for '--engine': 'flink' is not an engine; expected embedded, spark or databricks" in told
    told = offline.fails("refresh", STREAMING_ASSETS_ENGINE="flink")
    assert "STREAMING_ASSETS_ENGINE: found 'flink', expected 'embedded', 'spark' or 'databricks'" in told


def test_the_engines_are_named_by_the_help(offline):
    """The help of `refresh` names every engine that there is."""
    shown = " ".join(offline.ok("refresh", "--help").translate(FRAME).split())
    assert [name for name in get_args(EngineName) if f"`{name}`" not in shown.split("Engine to use: ")[1]] == []


def test_what_can_be_rebuilt_is_told(offline):
    """A layer that can't be rebuilt is refused with those that can."""
    done = offline.run("refresh", "--rebuild", "bronze")
    told = " ".join(done.stderr.translate(FRAME).split())
    assert done.returncode == 2
    assert "'bronze' is not a layer that can be rebuilt; expected silver or gold" in told


def test_a_misspelt_variable_is_noted(offline):
    """What is neither a setting nor an option is a note with the name that was meant, and not its value."""
    variables = {"STREAMING_ASSETS_PSEUDONYM_KEYS": SECRET, "STREAMING_ASSETS_GITHUB_EVENTS_TOKEN": SECRET}
    done = offline.run("tables", "--json", **variables)
    assert done.returncode == 0
    assert done.stderr == (
        "note STREAMING_ASSETS_PSEUDONYM_KEYS is neither a setting nor an option of a source, and has no effect; "
        "did you mean STREAMING_ASSETS_PSEUDONYM_KEY?\n"
    )


@pytest.mark.parametrize("command", [["demo", "--once"], ["refresh"], ["verify"], ["tables"], ["maintain"]])
def test_tables_in_a_workspace_are_not_worked_on(command, offline):
    """Where jobs in a workspace fill all tables, a command is refused before it asks Kafka or publishes anything."""
    # A cluster that does not answer would be told instead.
    told = offline.fails(
        *command, STREAMING_ASSETS_ENGINE="databricks", STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9"
    )
    assert "Engine `databricks` works in a workspace, not in this process." in " ".join(told.split())
