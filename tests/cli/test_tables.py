"""`refresh` and `tables`: what they tell of the tables, to people and to programs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.broker

FULL = Path("/dev/full")
EVENTS = [
    b'{"timestamp":"2024-05-01T10:0%d:00Z","event":"join","user_id":"ada","video_id":"v1","id":"%d"}' % (number, number)
    for number in range(8)
]
TABLES = ["bronze", "silver", "quarantine", "gold.events_by_type", "gold.user_sessions", "gold.video_activity"]


@pytest.fixture
def produced(command_line):
    """The command line after ten records of a source were produced: eight events, one of them twice, and rubbish."""
    recorded = command_line.folder / "recorded.ndjson"
    recorded.write_bytes(b"\n".join([*EVENTS, EVENTS[0], b"rubbish"]))
    command_line.ok("produce", "user_interactions", "--replay", recorded)
    return command_line


def test_refresh_tells_what_came_in(produced):
    """A refresh tells records, events, misfits, duplicates and Gold rows of each source, and then nothing new."""
    github, user = produced.json("refresh")
    nothing = {
        "bronze": 0,
        "silver": 0,
        "quarantined": 0,
        "duplicates": 0,
        "accepted_loss": [],
        "undone": [],
        "rebuilt": {},
        "outdated": [],
        "commits": 0,
        "gold": {},
        "error": None,
    }
    assert github == {"source": "github_events", **nothing}
    gold = {"events_by_type": 8, "user_sessions": 1, "video_activity": 1}
    counts = {
        "bronze": 10,
        "silver": 8,
        "quarantined": 1,
        "duplicates": 1,
        "accepted_loss": [],
        "undone": [],
        "rebuilt": {},
        "outdated": [],
        "commits": 5,
        "gold": gold,
        "error": None,
    }
    assert user == {"source": "user_interactions", **counts}
    assert produced.json("refresh", "user_interactions") == [{"source": "user_interactions", **nothing}]
    assert produced.ok("refresh").lstrip().startswith("Nothing new\n")


def test_tables_before_and_after_a_refresh(produced):
    """Before the first refresh every table is listed as missing; afterwards with rows, batch, time, and checks."""
    missing = produced.json("tables", "user_interactions")
    assert [state["table"] for state in missing] == [f"user_interactions.{name}" for name in TABLES]
    assert {(state["exists"], state["rows"], state["version"]) for state in missing} == {(False, None, None)}
    assert produced.ok("tables", "user_interactions").count("not there yet") == 6
    assert produced.json("verify")["passed"] is True

    shown = produced.ok("refresh")
    (line,) = [line for line in shown.splitlines() if "user_interactions" in line]
    assert line.split() == ["user_interactions", "10", "8", "1", "1", "10"]
    assert max(map(len, shown.splitlines())) <= 80

    states = produced.json("tables", "user_interactions")
    assert [(state["rows"], state["batch"]) for state in states] == [(10, 1), (8, 1), (1, 1), (8, 1), (1, 1), (1, 1)]
    assert all(state["exists"] and state["committed_at"] and state["bytes"] > 0 for state in states)
    assert "not there yet" not in produced.ok("tables", "user_interactions")


def test_a_source_that_fails_costs_no_other(produced):
    """Where one source can't be refreshed the others are, the exit code is 1, and both outputs tell the reason."""
    log = produced.lake / "github_events" / "bronze" / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020}.json").write_text("rubbish")

    done = produced.run("refresh", "--json")

    github, user = json.loads(done.stdout)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert (user["silver"], user["error"]) == (8, None)
    assert "github_events" in github["error"]
    assert len(produced.rows("user_interactions/silver")) == 8
    alone = produced.run("refresh", "github_events")
    assert (alone.returncode, alone.stdout.splitlines()[0]) == (1, "Not refreshed")
    assert "LogDamaged" in alone.stderr


@pytest.mark.parametrize("command", ["refresh", "tables", "verify", "plugins list", "plugins check"])
def test_json_is_all_that_stands_on_standard_output(command_line, command):
    """Each command with `--json` writes one document in one line, whatever it tells people besides."""
    out = command_line.ok(*command.split(), "--json")
    assert (out.count("\n"), out[-1]) == (1, "\n")
    json.loads(out)


@pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("form", [["--json"], []])
def test_an_output_that_takes_nothing_is_told(offline, form):
    """Where standard output is full, the command fails with one error, and no stack trace."""
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "streaming_assets", "tables", *form],
            cwd=offline.folder,
            env=offline.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert not any(word in done.stderr for word in ("Traceback", "Exception ignored"))


@pytest.mark.parametrize("command", ["tables", "verify", "maintain"])
def test_a_lake_inside_a_plain_file_is_told(offline, command):
    """Where a file lies in the way of the tables, they can't be read, which is not the same as not to be there."""
    (offline.folder / "file").touch()
    told = offline.fails(command, "github_events", STREAMING_ASSETS_LAKE=str(offline.folder / "file" / "lake"))
    assert "Not a directory" in told
