"""`replay-quarantine` and `tables --quarantine`: what they do and tell, to people and to programs."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from streaming_assets.fitting import Reason
from tests.support import mending

ROOT = Path(__file__).parents[2]
PLUGIN = f"""
import sys

from streaming_assets import hookimpl

sys.path.append({str(ROOT)!r})
from tests.support import mending


@hookimpl
def register_event_source():
    return mending.AFTER
"""
EVENT = {"at": "2026-03-01T11:00:00Z", "kind": "view", "user": "ada"}
RECORDS = [{**EVENT, "id": "a"}, {**EVENT, "id": "b", "amount": 1}, {**EVENT, "id": "a"}, b"rubbish \x1b[31m"]


@pytest.fixture
def mended(offline):
    """The command line with a mended plugin and the tables of the one before: three of four records do not fit that."""
    lab = mending.lab.Lab(offline.home, mending.BEFORE)
    lab.bronze(*RECORDS)
    mending.refresh(lab)
    lab.engine.close()
    offline.install("shop", PLUGIN)
    offline.environment["STREAMING_ASSETS_PSEUDONYM_KEY"] = lab.key
    return offline


def flat(text):
    return " ".join(text.split())


def test_a_replay_tells_what_became_of_the_records(mended):
    """The replay tells how many records moved, were duplicates, or stay, and how many Gold rows it wrote."""
    assert mended.json("replay-quarantine", "shop") == {
        "source": "shop",
        "records": 3,
        "silver": 1,
        "duplicates": 1,
        "quarantined": 1,
        "changed": 0,
        "gold": {"per_kind": 1, "per_user": 1, "total": 1},
    }
    assert mended.json("verify", "shop")["passed"] is True
    assert sorted((row["event_id"], row["batch"]) for row in mended.rows("shop/silver")) == [("a", 2), ("b", 1)]
    assert mended.rows("shop/gold/total") == [{"of": "all", "events": 2}]


def test_a_replay_tells_people(mended):
    """On a terminal of 80 columns there is a table of numbers, and where to look why records still do not fit."""
    done = mended.run("replay-quarantine", "shop", "--reason", "missing_field", "--since", "2026-03-01T12:00:00Z")
    assert (done.returncode, "shows why" in done.stderr) == (0, False)
    assert "shop 2 1 1 0 3" in flat(done.stdout)
    again = mended.run("replay-quarantine", "shop")
    assert "shop 1 0 0 1 0" in flat(again.stdout)
    assert "still in quarantine: 1 record; `streaming-assets tables --quarantine shop` shows why" in flat(again.stderr)
    assert max(map(len, (done.stdout + again.stdout).splitlines())) <= 80


def test_what_can_not_be_replayed_is_told(mended):
    """An unknown source, reason or time is refused with what there is instead."""
    assert "UnknownSource There is no source 'shops'" in mended.fails("replay-quarantine", "shops")
    unknown = mended.fails("replay-quarantine", "shop", "--reason", "missing")
    assert "There is no reason 'missing' for quarantine." in unknown
    assert [reason for reason in Reason if reason not in unknown] == []
    wrong = mended.run("replay-quarantine", "shop", "--since", "noon")
    assert (wrong.returncode, "RFC 3339" in wrong.stderr) == (2, True)


def test_a_selection_of_nothing_is_no_fault(mended):
    """Where no record is meant nothing is done, and it is told what is in quarantine instead; the exit code is 0."""
    told = flat(mended.ok("replay-quarantine", "shop", "--since", "1s"))
    assert "There is nothing to replay for shop: " in told
    assert "2 missing_field, 1 not_json" in told
    assert len(mended.rows("shop/silver")) == 1


def test_an_empty_quarantine_is_no_fault(offline):
    """A source without tables has nothing to replay: it is said, to programs by zeros, and the exit code is 0."""
    told = offline.ok("replay-quarantine", "github_events")
    assert told.strip() == "There is nothing to replay for github_events: quarantine is empty."
    as_json = offline.json("replay-quarantine", "github_events")
    assert (as_json["records"], as_json["silver"], as_json["quarantined"], as_json["gold"]) == (0, 0, 0, {})


@pytest.mark.long
def test_a_replay_that_was_killed_is_finished_by_the_next(mended):
    """A replay killed after Silver's commit is finished by the next one, which finds nothing there twice."""
    killed = mended.run("replay-quarantine", "shop", STREAMING_ASSETS_FAULT="replay.silver=kill")
    assert killed.returncode == -signal.SIGKILL

    again = mended.json("replay-quarantine", "shop")
    assert (again["records"], again["silver"], again["duplicates"], again["quarantined"]) == (2, 0, 1, 1)
    assert mended.json("verify", "shop")["passed"] is True
    assert mended.rows("shop/gold/total") == [{"of": "all", "events": 2}]


def test_quarantine_is_shown_by_reason_and_field(mended):
    """Each reason and field is told with its number of records and the newest one; values only where asked for."""
    (state,) = mended.json("tables", "shop", "--quarantine")
    assert (state["source"], state["records"], state["released"], state["duplicates"]) == ("shop", 3, 0, 0)
    assert [(group["reason"], group["field"], group["records"]) for group in state["groups"]] == [
        ("missing_field", "$.amount", 2),
        ("not_json", None, 1),
    ]
    newest = {key: value for key, value in state["groups"][0]["newest"].items() if key != "ingested_at"}
    assert newest == {
        "topic": "shop-events",
        "partition": 0,
        "offset": 2,
        "detail": "found nothing, expected a long",
    }

    (raw,) = mended.json("tables", "shop", "--quarantine", "--raw")
    assert [group["newest"]["value"] for group in raw["groups"]] == [json.dumps(RECORDS[2]), r"rubbish \x1b[31m"]


def test_quarantine_is_shown_to_people(mended):
    """On 80 columns reason, field, number, place and detail are in lines of their own, and what replays released."""
    shown = mended.run("tables", "--quarantine", "shop")
    lines = [line.strip() for line in shown.stdout.splitlines()]
    assert lines[0] == "shop: 3 in quarantine"
    assert "missing_field at $.amount: 2 records" in lines
    assert "not_json: 1 record" in lines
    assert any(line.startswith("newest: partition 0, offset 2, read ") for line in lines)
    assert "found nothing, expected a long" in lines
    assert "rubbish" not in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80

    mended.ok("replay-quarantine", "shop")
    shown = mended.ok("tables", "--quarantine")
    assert "shop: 1 in quarantine, 2 released, 1 of them as duplicates" in shown
    assert "github_events: 0 in quarantine" in shown
    (rows,) = [state["rows"] for state in mended.json("tables", "shop") if state["table"] == "shop.quarantine"]
    assert rows == 1


def test_a_raw_value_is_one_line(mended):
    """A value stands in one line, however narrow the terminal, and its bytes can't steer that."""
    raw = mended.run("tables", "--quarantine", "--raw", "shop", COLUMNS="40")
    lines = raw.stdout.splitlines()
    assert json.dumps(RECORDS[2]) in lines
    assert r"rubbish \x1b[31m" in lines
    assert "\x1b" not in raw.stdout
    assert "they may hold personal data in clear" in flat(raw.stderr)


def test_raw_values_are_those_of_quarantine(offline):
    """`--raw` without `--quarantine` is refused, as there would be nothing to show."""
    done = offline.run("tables", "--raw")
    assert (done.returncode, "--raw is given with --quarantine" in done.stderr) == (2, True)
