"""Two commands at work on one source at once, both killed: in the end every record is in one place, once."""

from __future__ import annotations

import json
from collections import Counter

import pytest

pytestmark = [pytest.mark.broker, pytest.mark.long]

SOURCE = "user_interactions"
SMALL = {"STREAMING_ASSETS_BATCH_RECORDS": "10"}
"""Settings under which a refresh makes many commits, and so many files to merge."""

KILLED = {
    "a rebuild in mid-swap and maintenance": {
        ("refresh", SOURCE, "--rebuild", "silver"): "rebuild.staged=delay:2,rebuild.swapped=kill",
        ("maintain", SOURCE): "compact.begin=delay:0.5,compact.done@2=kill",
    },
    "a refresh and maintenance": {
        ("refresh", SOURCE): "bronze.committed=delay:0.3,silver.committed@2=kill",
        ("maintain", SOURCE): "compact.begin=delay:0.5,vacuum.done=kill",
    },
}


def events(first, count):
    """Events of which every fifth repeats the one before it, and every seventh does not fit."""
    for number in range(first, first + count):
        same = number - 1 if number % 5 == 0 else number
        event = {"timestamp": f"2024-05-01T12:00:{same % 60:02}Z", "event": "join", "user_id": f"u{same}"}
        yield b"rubbish" if number % 7 == 0 else json.dumps({**event, "video_id": "v"}).encode()


def produce(line, first, count):
    recorded = line.folder / f"{first}.ndjson"
    recorded.write_bytes(b"\n".join(events(first, count)))
    line.ok("produce", SOURCE, "--replay", recorded)


@pytest.mark.parametrize("pair", KILLED)
def test_two_commands_that_are_killed_at_once_cost_nothing(command_line, pair):
    """After both were killed and a refresh has drained the topic, `verify --deep` passes and each record is once."""
    line = command_line
    line.environment |= SMALL
    produce(line, 0, 60)
    line.ok("refresh", SOURCE)
    produce(line, 60, 60)
    started = [line.start(*command, STREAMING_ASSETS_FAULT=fault) for command, fault in KILLED[pair].items()]
    # Maintenance works in a child, whose death its parent tells and ends with 1.
    told = [(process.communicate(timeout=180)[1], process.returncode) for process in started]
    assert all(code == -9 or "ended by signal 9" in err for err, code in told), told

    line.ok("refresh", SOURCE)
    assert line.json("refresh", SOURCE)[0]["commits"] == 0
    assert line.json("verify", SOURCE, "--deep")["passed"] is True
    coordinates = Counter((row["partition"], row["offset"]) for row in line.rows(f"{SOURCE}/bronze"))
    assert (len(coordinates), set(coordinates.values())) == (120, {1})
    later = [row for table in ("silver", "quarantine") for row in line.rows(f"{SOURCE}/{table}")]
    places = Counter((row["partition"], row["offset"]) for row in later)
    assert (set(places.values()), set(places) <= set(coordinates)) == ({1}, True)
    assert len(line.rows(f"{SOURCE}/quarantine")) == sum(event == b"rubbish" for event in events(0, 120))
