"""`plugins new`: from a sample to tables, without a line written."""

from __future__ import annotations

import json
import os
import pty
import shlex
import shutil
import signal
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
    """The types of the fields, their columns, the files and the next step are told."""
    told = offline.ok("plugins", "new", "visits", "--sample", str(sample), "--topic", "t", "--folder", "x")
    lines = [" ".join(line.split()) for line in told.splitlines()]
    assert lines[0] == "4 records, whose `events` hold 12 events"
    assert [line for line in lines if line.startswith(("session", "ts", "kind", "event_id"))] == [
        "session long session",
        "ts epoch_millis event_time, when it happened",
        "kind string kind, counted by",
        "event_id string event_id, added by the producer",
    ]
    assert lines[-2:] == ["pip install -e './x[test]'", "pytest ./x"]
    assert 'Topic(name="t")' in (offline.folder / "x/src/streaming_assets_visits/schema.py").read_text()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Visits", "small letter"), ("spark", "no setting begins with"), ("shop_", "letter or digit at its end")],
)
def test_names_that_no_source_can_have_are_refused(offline, sample, name, expected):
    """A name is refused before anything is written, with the reason."""
    ran = offline.run("plugins", "new", name, "--sample", str(sample))
    assert (ran.returncode, expected in " ".join(ran.stderr.split())) == (1, True)
    assert [path.name for path in offline.folder.iterdir() if path.is_dir() and "streaming" in path.name] == []


def test_a_topic_that_kafka_does_not_take_is_refused(offline, sample):
    """A topic of an illegal name is refused before anything is written, with the option that chooses another."""
    ran = offline.run("plugins", "new", "visits", "--sample", str(sample), "--topic", "a b")
    told = [part in ran.stderr for part in ("'a b'", "nothing was written", "another topic by --topic")]
    assert (ran.returncode, told) == (1, [True] * 3), ran.stderr
    assert not (offline.folder / "streaming-assets-visits").exists()


@pytest.mark.parametrize(
    ("option", "path", "expected"),
    [
        ("--folder", "~nouser-/x", "no home folder for ~nouser-"),
        ("--sample", "~nouser-/x", "no home folder for ~nouser-"),
        ("--folder", 300 * "a", "File name too long"),
        ("--sample", 300 * "a", "File name too long"),
    ],
)
def test_paths_that_cannot_be_are_told(offline, sample, option, path, expected):
    """The home of a user that there is not, and a name too long for any file, are errors with their reason."""
    given = {"--sample": str(sample), "--folder": "x"} | {option: path}
    ran = offline.run("plugins", "new", "visits", *(text for pair in given.items() for text in pair))
    assert (ran.returncode, expected in ran.stderr, "Traceback" in ran.stderr) == (1, True, False)


ORDER = '{"id": 1, "nr": "a", "at": "2026-03-01T11:00:00Z", "sent": "2026-03-01T12:00:00Z", "day": "2026-03-01"}\n'


@pytest.fixture
def at_terminal(offline, tmp_path):
    """Starts the command at a terminal, beside a file `orders.jsonl`; gives it, and what types there."""
    (tmp_path / "orders.jsonl").write_text(ORDER)
    ours, theirs = pty.openpty()
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "streaming_assets", "plugins", "new", "orders", *arguments],
            cwd=offline.folder, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process, lambda answer: os.write(ours, f"{answer}\n".encode())

    yield start
    for process in started:
        process.kill()
        process.communicate()
    os.close(ours)
    os.close(theirs)


def schema_of(line):
    """What was written into the schema of orders."""
    return (line.folder / "streaming-assets-orders/src/streaming_assets_orders/schema.py").read_text()


def test_a_person_is_asked(offline, at_terminal, tmp_path):
    """At a terminal, what was not given is asked, and the answers count."""
    process, answer = at_terminal()
    for each in (tmp_path / "orders.jsonl", "sales", "sent", "nr"):
        answer(each)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    schema = schema_of(offline)
    assert [each in schema for each in ('Topic(name="sales")', 'event_id="nr"', 'event_time="sent"')] == [True] * 3


def test_wrong_answers_are_asked_again(offline, at_terminal, tmp_path):
    """An answer that can't be used is told why, and asked for again; an empty one takes what is shown."""
    process, answer = at_terminal()
    for each in ("nowhere", tmp_path / "orders.jsonl", "bad topic!", "", "day", "snt", "", "-"):
        answer(each)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    told = ["No such file", "[orders]", "found 'bad topic!'", "[at]", "is a day", "did you mean sent?", "[id]"]
    assert [each for each in told if each not in out + err] == []
    schema = schema_of(offline)
    assert [each in schema for each in ('Topic(name="orders")', 'event_id="', 'event_time="at"')] == [True, False, True]


def test_an_interrupted_dialogue_leaves_nothing(offline, at_terminal, tmp_path):
    """Ctrl-C at a question ends the command, and no file is there."""
    process, answer = at_terminal("--sample", str(tmp_path / "orders.jsonl"))
    answer("")
    seen = ""
    while "happened [at]" not in seen:
        seen += process.stderr.read(1)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert [path.name for path in offline.folder.iterdir() if "streaming-assets" in path.name] == []


def test_without_a_person_the_sample_is_an_option(offline):
    """Where nobody can answer, a missing sample is an error that names the option."""
    ran = offline.run("plugins", "new", "visits")
    assert (ran.returncode, "name it by --sample" in ran.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        (("github_events",), "a source github_events is installed"),
        (("github",), "the source github_events is installed, and STREAMING_ASSETS_GITHUB_EVENTS_*"),
        (("github_events_more",), "STREAMING_ASSETS_GITHUB_EVENTS_MORE_* would be options of both"),
        (("visits", "--topic", "logs.raw"), "logs.raw is the topic of the source github_events"),
    ],
)
def test_names_of_others_are_told(offline, sample, arguments, note):
    """A name or a topic that an installed source has is no error, as that may go, but it is told."""
    ran = offline.run("plugins", "new", *arguments, "--sample", str(sample))
    assert (ran.returncode, note in " ".join(ran.stderr.split())) == (0, True), ran.stderr


def test_paths_and_what_is_left_out_fit_a_terminal(offline, tmp_path):
    """Values are told by their paths, with their columns, and what is left out; only commands are not broken."""
    inner = {f"n{number}": number for number in range(50)}
    record = {
        "at": "2026-03-01T11:00:00Z",
        "user": {"e-mail": "ada@example.org", "deep": {"deeper": inner}},
        "tags": [],
    }
    (tmp_path / "events.jsonl").write_text(json.dumps(record | {"user" * 30: {"name" * 30: "x"}}) + "\n")
    told = offline.ok("plugins", "new", "visits", "--sample", str(tmp_path / "events.jsonl"))
    lines = [" ".join(line.split()) for line in told.splitlines()]
    assert "user.e-mail string user_e_mail" in lines
    assert "may be personal data: user.e-mail; schema.py says what can be hashed" in lines
    assert [line for line in lines if line.startswith("left out: user.deep: an object with 50 values")]
    assert [line for line in told.splitlines() if len(line) > 80 and not line.startswith("  pip install")] == []


def test_an_id_that_repeats_is_told(offline, tmp_path):
    """Where the chosen id is the same in several events, it is told how many of them would be dropped."""
    (tmp_path / "orders.jsonl").write_text(ORDER * 3)
    told = offline.ok("plugins", "new", "orders", "--sample", str(tmp_path / "orders.jsonl"), "--id", "nr")
    assert "2 of 3 events would be dropped: nr says that they are repetitions of others" in told


def test_values_of_several_types_are_explained(offline, tmp_path):
    """Where a field has texts and numbers, it is told what its type `text` means, and only there."""
    (tmp_path / "mixed.jsonl").write_text(ORDER + ORDER.replace('"nr": "a"', '"nr": 7'))
    (tmp_path / "plain.jsonl").write_text(ORDER)
    told = [
        offline.ok("plugins", "new", name, "--sample", str(tmp_path / f"{name}.jsonl")) for name in ("mixed", "plain")
    ]
    assert ["text is a string, number or boolean" in each for each in told] == [True, False]


def test_names_are_told_as_they_stand(offline, tmp_path):
    """Names are told as they are, also such as look like markup, and commands with them can be pasted."""
    record = {"[/x]\ud800": [{"ts": "2026-03-01T11:00:00Z", ":smile:": 1, "v": 1}]}
    (tmp_path / "events.jsonl").write_text(json.dumps(record) + "\n")
    sample, folder = str(tmp_path / "events.jsonl"), "[/y] :smile: q's"
    told = offline.ok("plugins", "new", "visits", "--sample", sample, "--folder", folder)
    assert "1 record, whose `[/x]\ufffd` hold 1 events" in told
    assert "left out: ':smile:'" in told
    assert f"files into {folder}:" in told
    assert (offline.folder / folder / "pyproject.toml").is_file()
    commands = [shlex.split(line) for line in told.splitlines()[-2:]]
    assert commands == [["pip", "install", "-e", f"./{folder}[test]"], ["pytest", f"./{folder}"]]
