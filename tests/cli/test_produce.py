"""`produce`: what it says was delivered is what the topic holds."""

from __future__ import annotations

import re
import signal
import time

import pytest
from streaming_assets_github_events.testing import EventsServer, page

from streaming_assets.kafka.topics import topic_state

pytestmark = pytest.mark.broker


def held(broker, topic: str) -> int:
    """The number of records in a topic, 0 where there is none."""
    state = topic_state(broker, topic)
    return sum(state.high.values()) if state else 0


def delivered(out: str) -> int:
    """The number that `produce` told."""
    return int(re.match(r"delivered ([0-9,]+) events to topic \S+ in [0-9.]+ s\n$", out)[1].replace(",", ""))


@pytest.fixture
def recorded(tmp_path):
    """Two files with three lines each, the second without an end of its last line."""
    (tmp_path / "a.ndjson").write_bytes(b"1\n2\r\n\n")
    (tmp_path / "b.ndjson").write_bytes(b"4\nnot json\n6")
    return [tmp_path / "a.ndjson", tmp_path / "b.ndjson"]


def test_replay_publishes_every_line_of_every_file(broker, command_line, recorded):
    """All lines of all files named after `--replay` are in the topic, as the bytes that stand there."""
    assert delivered(command_line.ok("produce", "github_events", "--replay", *recorded)) == 6
    assert held(broker, "logs_raw") == 6
    command_line.ok("refresh", "github_events")
    values = sorted(row["value"] for row in command_line.rows("github_events/bronze"))
    assert values == [b"", b"1", b"2\r", b"4", b"6", b"not json"]


def test_limit_is_exact(broker, command_line, recorded):
    """`--limit` ends after so many events, of a file and of a live source."""
    assert delivered(command_line.ok("produce", "github_events", "--replay", *recorded, "--limit", "4")) == 4
    assert delivered(command_line.ok("produce", "user_interactions", "--limit", "123")) == 123
    assert (held(broker, "logs_raw"), held(broker, "user_interactions")) == (4, 123)


def test_rate_slows_down(command_line):
    """At 50 events a second, 20 events take at least three tenths of a second."""
    out = command_line.ok("produce", "user_interactions", "--rate", "50", "--limit", "20")
    assert delivered(out) == 20
    assert float(out.split()[-2]) >= 0.3


@pytest.mark.parametrize("rate", ["inf", "nan"])
def test_rate_that_is_no_rate_is_told(command_line, rate):
    """A rate that is infinite or not a number is a fault of usage, which names the option."""
    done = command_line.run("produce", "user_interactions", "--rate", rate, "--limit", "1")
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False)
    assert "Invalid value for '--rate'" in done.stderr


def test_live_events_of_an_api_are_published(broker, command_line):
    """The options of a source come from its variables: here the address of an API on this machine."""
    rows = [b'{"id":"%d"}' % number for number in range(5)]
    with EventsServer([page(rows)]) as server:
        address = {"STREAMING_ASSETS_GITHUB_EVENTS_API_URL": server.url}
        assert delivered(command_line.ok("produce", "github_events", "--limit", "5", **address)) == 5
    assert held(broker, "logs_raw") == 5


def test_missing_file_is_told_before_anything_is_published(broker, command_line, recorded):
    """Where one of the files is missing, nothing of the others is published."""
    told = command_line.fails("produce", "github_events", "--replay", *recorded, "missing.ndjson")
    assert told.startswith("ReplayError The file missing.ndjson can't be read. Found No such file or directory")
    assert held(broker, "logs_raw") == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_loses_nothing_that_was_accepted(broker, command_line, number):
    """A producer that is told to end delivers what it accepted and says how many: as many as the topic holds."""
    process = command_line.start("produce", "user_interactions", "--rate", "2000")
    while held(broker, "user_interactions") < 1_000:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in err) == (0, False)
    assert delivered(out) == held(broker, "user_interactions") >= 1_000


def test_what_the_api_has_to_say_is_shown(command_line):
    """A server that can't be reached is a note on standard error, and the producer goes on until it is stopped."""
    address = {"STREAMING_ASSETS_GITHUB_EVENTS_API_URL": "http://127.0.0.1:9"}
    process = command_line.start("produce", "github_events", **address)
    note = process.stderr.readline()
    while "note" not in note:
        assert process.poll() is None
        note = process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert "http://127.0.0.1:9 can't be reached" in note
    assert "Traceback" not in err
    assert (process.returncode, delivered(out)) == (0, 0)


TALKATIVE = """
from dataclasses import replace
from streaming_assets import Batch, hookimpl
import streaming_assets_user_interactions as users

class Talkative:
    def next_batch(self):
        return Batch(events=(), poll_after=None, note="[red]limit[/] of [/nothing] in [x]")

    def close(self):
        pass

@hookimpl
def register_event_source():
    source = users.register_event_source()
    topic = replace(source.topic, name="talkative")
    return replace(source, name="talkative", topic=topic, producer=lambda options: Talkative())
"""


def test_a_note_is_shown_as_it_stands(command_line):
    """What looks like markup in the note of a producer is part of its text."""
    command_line.install("talkative", TALKATIVE)
    done = command_line.run("produce", "talkative")
    assert done.returncode == 0
    assert "note [red]limit[/] of [/nothing] in [x]" in done.stderr
