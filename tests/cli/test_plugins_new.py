"""`plugins new`: from a sample to tables, without a line written."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys

import pytest

KINDS = ["click", "view", "click"]
RECORDS = [
    {
        "session": session,
        "events": [{"ts": 1_659_304_800_025 + 60_000 * n, "kind": kind} for n, kind in enumerate(KINDS)],
    }
    for session in range(4)
]


@pytest.fixture
def sample(tmp_path):
    """A file with events inside of records."""
    path = tmp_path / "visits.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    return path


def install(line, package):
    """Install a package beside the environment, as a clean one would have it."""
    site = line.folder / "site"
    uv = os.environ.get("UV") or shutil.which("uv")
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--python", sys.executable, "--target", site, package]
    subprocess.run(command, check=True, capture_output=True)
    line.environment["PYTHONPATH"] = str(site)


@pytest.mark.broker
def test_a_new_package_runs_as_it_is(command_line, sample):
    """What is written from a sample is installed, checked, filled, proved, and filled again without a row more."""
    command_line.ok("plugins", "new", "visits", "--sample", str(sample))
    install(command_line, command_line.folder / "streaming-assets-visits")
    assert command_line.ok("plugins", "check", "visits").split("\n")[0] == "✓ visits"
    for _ in range(2):
        command_line.ok("produce", "visits")
        command_line.ok("refresh", "visits")
    assert json.loads(command_line.ok("verify", "visits", "--json"))
    rows = command_line.rows("visits/gold/events_per_kind")
    assert sorted((row["kind"], row["events"]) for row in rows) == [("click", 8), ("view", 4)]
    assert len(command_line.rows("visits/bronze")) == 2 * 12


def test_what_was_found_is_told(offline, sample):
    """The types of the fields, what each is for, the files and the next step are told."""
    told = offline.ok("plugins", "new", "visits", "--sample", str(sample), "--topic", "t", "--folder", "x")
    lines = [" ".join(line.split()) for line in told.splitlines()]
    assert lines[0] == "4 records, whose `events` hold 12 events"
    assert [line for line in lines if line.startswith(("session", "ts", "kind", "event_id"))] == [
        "session long",
        "ts epoch_millis when it happened",
        "kind string counted by",
        "event_id string identifies it; added by the producer",
    ]
    assert lines[-1] == "next: pip install -e x, then streaming-assets plugins check visits"
    assert 'Topic(name="t")' in (offline.folder / "x/src/streaming_assets_visits/schema.py").read_text()


@pytest.mark.parametrize(("name", "expected"), [("Visits", "small letter"), ("spark", "no setting begins with")])
def test_names_that_no_source_can_have_are_refused(offline, sample, name, expected):
    """A name is refused before anything is written, with the reason."""
    ran = offline.run("plugins", "new", name, "--sample", str(sample))
    assert (ran.returncode, expected in " ".join(ran.stderr.split())) == (1, True)
    assert [path.name for path in offline.folder.iterdir() if path.is_dir() and "streaming" in path.name] == []


def test_a_person_is_asked(offline, tmp_path):
    """At a terminal, what was not given is asked, and the answers count."""
    (tmp_path / "orders.jsonl").write_text(
        '{"id": 1, "nr": "a", "at": "2026-03-01T11:00:00Z", "sent": "2026-03-01T12:00:00Z"}\n'
    )
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "streaming_assets", "plugins", "new", "orders"],
        cwd=offline.folder, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for answer in (str(tmp_path / "orders.jsonl"), "sales", "sent", "nr"):
        os.write(ours, f"{answer}\n".encode())
    out, err = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, out + err
    schema = (offline.folder / "streaming-assets-orders/src/streaming_assets_orders/schema.py").read_text()
    assert [each in schema for each in ('Topic(name="sales")', 'event_id="nr"', 'event_time="sent"')] == [True] * 3
