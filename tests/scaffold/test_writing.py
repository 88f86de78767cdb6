"""A package that is written passes what the project's own code passes, and is a plugin as it stands."""

from __future__ import annotations

import importlib
import json
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streaming_assets.errors import InvalidDefinition, SampleError
from streaming_assets.fitting import Fitter, Misfit
from streaming_assets.scaffold.definition import define, misfits, repetitions
from streaming_assets.scaffold.proposal import Choices, propose
from streaming_assets.scaffold.sample import read_sample
from streaming_assets.scaffold.writing import write_package
from streaming_assets.validation import validate

ROOT = Path(__file__).parents[2]
AT = "2026-03-01T11:00:00Z"
LOOKALIKES = ("\u0430b\u0441", "\uff46\uff55\uff4c\uff4c", "\u30ce", "ключ")
"""Names of letters that look like others."""
LONG_NAME = "a" + "_very_long_name" * 4
LONG_TOPIC = "t" * 249

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
    "deep_everywhere": [{"at": AT, "kind": "k", "o": json.loads('{"x": "y", "o":' * 900 + "1" + "}" * 900)}],
    "letters": [{"at": AT, **dict.fromkeys(LOOKALIKES, 1), "naïve": {"日本": 3}, "größe \u2013 cm": 5, "a.b": 6}],
    "cyrillic": [
        {"ключи": [{"at": AT, "kind": "k", "длинное_название_дня": 1, "ж" * 60: {"п" * 60: 1}}]},
    ],
    "cyrillic_items": [{"события" * 9: [{"at": AT, "kind": "k"}]}],
    "mixed": [
        {"at": AT, "v": value, "m": mixed, "n": None} for value, mixed in ((1, {"a": 1}), ("x", [1]), (True, 2.5))
    ],
    "rare_keys": [{"at": AT, f"column {number}": number, f"column_{number}": "x"} for number in range(60)],
    "wide": [{"at": AT, **{f"column_{number}": number for number in range(100)}, "o": {"p": {"q": 1}}}],
    "data_as_keys": [
        {"at": AT, "kind": "k", "by_user": {f"u{number}": 1}, f"\u202e{number}": 1} for number in range(60)
    ],
    "people": [{"at": AT, **{f"user_{number}": {"e-mail": f"a{number}@x.org"} for number in range(9)}}],
    "capitals": [{"at": AT, "kind": "k", "Kind": "z", "KIND": 3, "class": "x", "def": {"None": True, "__init__": 1}}],
    LONG_NAME: [{"at": AT, "x" * 60: "a", "o" * 60: {"p" * 30: 1}, "left out because it is " * 9: 1}],
}

DATA = ROOT / "../shared/data"
RECORDED = {
    "otto": DATA / "user/otto_sessions_20.jsonl.gz",
    "pinot": DATA / "github/2021-07-21-06_09_pinot_800.ndjson.gz",
    "legacy": DATA / "github/2012-06-14-15_legacy_timeline_5313.ndjson.gz",
    "encoded": DATA / "github/2018-01-01-11_pinot_string_encoded_500.ndjson.gz",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Folders of packages that were written, by source; those of recorded events where these are there."""
    home = tmp_path_factory.mktemp("packages")
    recorded = {name: read_sample(file) for name, file in RECORDED.items() if file.exists()}
    for name, records in (SAMPLES | recorded).items():
        topic = LONG_TOPIC if name == LONG_NAME else name
        write_package(define(name, topic, propose(records, Choices())), records, home / name)
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
    folders = [str(folder / "src") for folder in written.iterdir()]
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), *folders]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("name", SAMPLES)
def test_the_source_has_no_fault(written, name, monkeypatch):
    """What the package registers is let through by all checks of a definition."""
    assert validate(source_of(written, name, monkeypatch)) == []


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_events_fit(written, name, monkeypatch):
    """Of recorded events a source without a fault is made, which takes every event that its producer replays."""
    if not RECORDED[name].exists():
        pytest.skip("the recorded events are not there")
    source = source_of(written, name, monkeypatch)
    assert validate(source) == []
    fitter, now = Fitter(source.schema), datetime.now(tz=UTC)
    odd = [each for each in (fitter.fit(value, now) for value in produced(source)) if isinstance(each, Misfit)]
    assert [(each.reason.value, each.field) for each in odd] == []


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


@pytest.mark.parametrize("name", ["events_in_records", "own_ids"])
def test_a_line_that_cannot_be_read_costs_itself_alone(written, name, monkeypatch, tmp_path):
    """A line that is no record with an array comes as it is, which no schema takes, and all others come as ever."""
    source = source_of(written, name, monkeypatch)
    items = next(iter(SAMPLES[name][0])) if name == "own_ids" else "events"
    odd = [json.dumps({items: 5}).encode(), b"[1]", b"{bad", b"\xff", b"null", b'{"a":' * 30_000]
    good = [json.dumps(record).encode() for record in SAMPLES[name]]
    (tmp_path / "lines").write_bytes(b"\n".join([good[0], *odd, good[1]]))
    (tmp_path / "good").write_bytes(b"\n".join(good[:2]))
    came = produced(source, files=str(tmp_path / "lines"))
    assert [value for value in came if value in odd] == odd
    assert len(came) == len(odd) + len(produced(source, files=str(tmp_path / "good")))
    fitter, now = Fitter(source.schema), datetime.now(tz=UTC)
    assert [value for value in came if isinstance(fitter.fit(value, now), Misfit)] == odd


@pytest.mark.parametrize(("changes", "where"), [({"topic": "bad topic!"}, "topic.name"), ({"name": "a-b"}, "name")])
def test_what_no_source_can_be_is_refused(changes, where):
    """A definition with faults is refused before anything is written, by the checks that plugins go through."""
    names = {"name": "flat", "topic": "flat"} | changes
    with pytest.raises(InvalidDefinition) as caught:
        define(**names, proposal=propose(SAMPLES["flat"], Choices()))
    assert [fault.where for fault in caught.value.faults] == [where]


def test_misfits_of_the_sample_are_counted():
    """Events that the schema would not take are counted by reason."""
    records = [{"at": AT, "n": value} for value in (1.5, float("nan"), 2.5)]
    assert misfits(define("flat", "flat", propose(records, Choices()))) == {"not_json": 1}


@pytest.mark.parametrize(("event_id", "count"), [("id", 0), ("kind", 2), ("meta.shop", 1), ("", 0), (None, 0)], ids=str)
def test_repetitions_in_the_sample_are_counted(event_id, count):
    """Events that have the id of one before are counted; those without an id are no repetitions."""
    shops = [{"meta": {"shop": 1}}, {"meta": {"shop": 1}}, {"meta": None}, {}]
    records = [
        {"id": number, "at": AT, "kind": "click" if number else "view", **shop} for number, shop in enumerate(shops)
    ]
    assert repetitions(define("flat", "flat", propose(records, Choices(event_id=event_id)))) == count


@pytest.mark.parametrize("place", ["file/inside", "link"])
def test_a_folder_that_cannot_be_made_is_told(tmp_path, place):
    """Where no folder can be made nothing is written, and the place is named."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(SampleError, match=place):
        write_package(flat(), SAMPLES["flat"], tmp_path / place)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "link"}


def flat():
    """A source of a few plain events."""
    return define("flat", "flat", propose(SAMPLES["flat"], Choices()))


def test_folders_around_it_are_made(tmp_path, monkeypatch):
    """A folder in folders that are not there yet is written, with the rights that any new folder has."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain").mkdir()
    files = write_package(flat(), SAMPLES["flat"], Path("a/c"))
    assert all(file.is_file() for file in files)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["c"]
    assert {path.name for path in tmp_path.iterdir()} == {"a", "plain"}
    assert {(tmp_path / name).stat().st_mode for name in ("a", "a/c")} == {(tmp_path / "plain").stat().st_mode}


def test_of_a_full_disk_nothing_is_left(tmp_path):
    """Where a file can't be written whole, no other one stays, nor a folder, and the cause is named."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))  # less than producer.py has
    try:
        with pytest.raises(SampleError, match="can't be written") as caught:
            write_package(flat(), SAMPLES["flat"], tmp_path / "a/b")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "File too large" in caught.value.found
    assert list(tmp_path.iterdir()) == []


class Interrupted(list):
    """Records at which Ctrl-C is pressed."""

    def __getitem__(self, _key):
        raise KeyboardInterrupt


def test_of_an_interrupted_command_nothing_is_left(tmp_path):
    """Ctrl-C while files are written leaves none of them."""
    with pytest.raises(KeyboardInterrupt):
        write_package(flat(), Interrupted(SAMPLES["flat"]), tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_the_live_producer_says_that_it_is_to_be_written(written, monkeypatch):
    """The stub brings nothing, says so, and is asked again."""
    batch = source_of(written, "flat", monkeypatch).producer({"live": "true"}).next_batch()
    assert (list(batch.events), "not written yet" in batch.note, batch.poll_after) == ([], True, 60.0)


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    """Nothing is written over."""
    (tmp_path / "mine").mkdir()
    with pytest.raises(SampleError, match="there already"):
        write_package(flat(), SAMPLES["flat"], tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []
