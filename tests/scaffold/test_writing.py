"""A package that is written passes what the project's own code passes, and is a plugin as it stands."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from streaming_assets.errors import InvalidDefinition, SampleError
from streaming_assets.scaffold.definition import NewSource, definition_of, misfits
from streaming_assets.scaffold.proposal import Choices, propose
from streaming_assets.scaffold.writing import write_package
from streaming_assets.validation import validate

ROOT = Path(__file__).parents[2]
AT = "2026-03-01T11:00:00Z"
LONG_NAME = "a" + "_very_long_name" * 4

SAMPLES = {
    "flat": [{"id": 1, "at": AT, "kind": "click"}, {"id": 2, "at": AT, "kind": "view", "price": 2.5}],
    "nested": [{"at": AT, "user": {"name": "ada", "home": {"city": "x"}}, "select": "a", "tags": [1], "a-b": True}],
    "events_in_records": [
        {"shop": number % 2, "events": [{"ts": 1_659_304_800_025, "kind": "k"}, {"ts": 1_659_304_801_025, "kind": "l"}]}
        for number in range(3)
    ],
    "one_column": [{"ts": 1_659_304_800, "events": "x"}, {"ts": 1_659_304_800, "events": "y"}] * 2,
    "linked": [{"@type": "a", "@id": "b", "$ref": "c", "at": AT, "nul\0 \u202e": 1}],
    "own_ids": [{'it\'s "x"': [{"id": number, "at": AT, "kind": "k"}]} for number in range(3)],
    "deep": [{"at": AT, "kind": "k", "o": json.loads('{"o":' * 80 + "1" + "}" * 80)}],
    LONG_NAME: [{"at": AT, "x" * 60: "a", "o" * 60: {"p" * 30: 1}, "left out because it is " * 9: 1}],
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Folders of packages that were written, by source."""
    home = tmp_path_factory.mktemp("packages")
    for name, records in SAMPLES.items():
        source = NewSource(name, name, propose(records, Choices()))
        write_package(source, definition_of(source), records, home / name)
    return home


def source_of(written, name, monkeypatch):
    """The source that a package registers."""
    monkeypatch.syspath_prepend(written / name / "src")
    return importlib.import_module(f"streaming_assets_{name}").register_event_source()


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "--no-cache", "--config", str(ROOT / "pyproject.toml")),
        ("ruff", "check", "--no-cache", "--isolated", "--line-length", "120", "--select", "E,F,W,I"),
        ("ruff", "format", "--no-cache", "--check", "--config", str(ROOT / "pyproject.toml")),
    ],
    ids=["lint", "imports by its own lights", "format"],
)
def test_the_projects_lint_has_nothing_to_say(written, command):
    """Lint and format of the project find nothing, whatever the sample's names."""
    ran = subprocess.run(
        [sys.executable, "-m", *command, "."], cwd=written, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_strict_types_hold(written, tmp_path):
    """Strict type checks find nothing."""
    folders = [str(written / name / "src") for name in SAMPLES]
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), *folders]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("name", SAMPLES)
def test_the_source_has_no_fault(written, name, monkeypatch):
    """What the package registers is let through by all checks of a definition."""
    assert validate(source_of(written, name, monkeypatch)) == []


def produced(source, **options):
    """All events of a producer, as values."""
    producer = source.producer(options)
    values = []
    while True:
        batch = producer.next_batch()
        values += [event.value for event in batch.events]
        if batch.poll_after is None:
            producer.close()
            return values


def test_the_producer_replays_the_sample(written, monkeypatch, tmp_path):
    """Without options the package's own records come, with `files` those of the files, as they stand there."""
    source = source_of(written, "flat", monkeypatch)
    assert [json.loads(value) for value in produced(source)] == SAMPLES["flat"]
    (tmp_path / "more.jsonl").write_bytes(b'{"id":  3}\r\n\n{"id":4}')
    assert produced(source, files=str(tmp_path / "more.jsonl")) == [b'{"id":  3}', b'{"id":4}']


def test_events_inside_of_records_come_one_by_one(written, monkeypatch):
    """Each item is an event with the record's other fields, and has the same id at each replay."""
    source = source_of(written, "events_in_records", monkeypatch)
    events = [json.loads(value) for value in produced(source)]
    assert [(each["shop"], each["kind"], each["event_id"]) for each in events[:3]] == [
        (0, "k", "sample.jsonl-0-0"), (0, "l", "sample.jsonl-0-1"), (1, "k", "sample.jsonl-1-0"),
    ]  # fmt: skip
    assert produced(source) == produced(source)


def test_odd_items_are_shown_by_quarantine(written, monkeypatch, tmp_path):
    """No item is lost in silence: one that is no object is an event that does not fit; null holds none."""
    source = source_of(written, "events_in_records", monkeypatch)
    (tmp_path / "odd").write_text('{"shop": 1, "events": [7]}\n{"shop": 2, "events": null}\n{"shop": 3}\n')
    (event,) = map(json.loads, produced(source, files=str(tmp_path / "odd")))
    assert event == {"shop": 1, "events": 7, "event_id": "odd-0-0"}


@pytest.mark.parametrize(("changes", "where"), [({"topic": "bad topic!"}, "topic.name"), ({"name": "a-b"}, "name")])
def test_what_no_source_can_be_is_refused(changes, where):
    """A definition with faults is refused before anything is written, by the checks that plugins go through."""
    source = NewSource(**{"name": "flat", "topic": "flat", "proposal": propose(SAMPLES["flat"], Choices())} | changes)
    with pytest.raises(InvalidDefinition) as caught:
        definition_of(source)
    assert [fault.where for fault in caught.value.faults] == [where]


def test_misfits_of_the_sample_are_counted():
    """Events that the schema would not take are counted by reason."""
    records = [{"at": AT, "n": value} for value in (1.5, float("nan"), 2.5)]
    definition = definition_of(NewSource("flat", "flat", propose(records, Choices())))
    assert misfits(definition, records) == {"not_json": 1}


@pytest.mark.parametrize("place", ["file/inside", "link"])
def test_a_folder_that_cannot_be_made_is_told(tmp_path, place):
    """Where no folder can be made nothing is written, and the place is named."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    source = NewSource("flat", "flat", propose(SAMPLES["flat"], Choices()))
    with pytest.raises(SampleError, match=place):
        write_package(source, definition_of(source), SAMPLES["flat"], tmp_path / place)


def test_the_live_producer_says_that_it_is_to_be_written(written, monkeypatch):
    """The stub brings nothing, says so, and is asked again."""
    batch = source_of(written, "flat", monkeypatch).producer({"live": "true"}).next_batch()
    assert (list(batch.events), "not written yet" in batch.note, batch.poll_after) == ([], True, 60.0)


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    """Nothing is written over."""
    (tmp_path / "mine").mkdir()
    source = NewSource("flat", "flat", propose(SAMPLES["flat"], Choices()))
    with pytest.raises(SampleError, match="there already"):
        write_package(source, definition_of(source), SAMPLES["flat"], tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []
