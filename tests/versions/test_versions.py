"""Versions of definitions: what makes another one, and what does not."""

from __future__ import annotations

import functools
import importlib
import subprocess
import sys
from dataclasses import replace

import pytest

from streaming_assets.contract import SilverTable
from streaming_assets.registry import load_sources
from streaming_assets.versions import code_version, gold_version, silver_version

MODULE = """
import re

from {package} import helpers
from {package}.helpers import shorten as short

KINDS: dict[str, str] = {{"a": "b"}}
PATTERN = re.compile("x+")
_seen = {{}}


def clean(events):
    _seen[len(_seen)] = "what a module keeps while it runs"
    return [_one(each) for each in short(helpers.trim(events))]


def _one(event):
    return KINDS.get(PATTERN.sub("", event))


def unused(events):
    return events
"""
HELPERS = """
LENGTH = 10


def shorten(events):
    return events[:LENGTH]


def trim(events):
    return [each.strip() for each in events]
"""


@pytest.fixture
def source():
    return load_sources().get("user_interactions")


@pytest.fixture
def table(source):
    return source.gold[0]


@pytest.fixture
def write_function(tmp_path, monkeypatch):
    """Writes a package of two modules, with texts replaced, and imports its function `clean`."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made = []

    def write(*replacements):
        package = f"versions_of_{len(made)}"
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
        texts = {"functions": MODULE.format(package=package), "helpers": HELPERS}
        for old, new in replacements:
            assert any(old in text for text in texts.values())
            texts = {name: text.replace(old, new) for name, text in texts.items()}
        for name, text in texts.items():
            (tmp_path / package / f"{name}.py").write_text(text)
        made.append(package)
        return importlib.import_module(f"{package}.functions").clean

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] in made]:
        del sys.modules[name]


def of_function(function):
    return code_version(SilverTable(columns=(), function=function))


@pytest.mark.parametrize("change", [{"description": "Other words."}, {"charts": ()}], ids=["description", "charts"])
def test_what_only_people_see_does_not_count(table, change):
    """Another description or other charts leave the version as it is, because they leave the data as it is."""
    assert gold_version(replace(table, **change)) == gold_version(table)


@pytest.mark.parametrize(
    "change", [{"sql": "SELECT 1"}, {"window": "1 hour"}, {"keys": ("events",)}, {"columns": ()}], ids=str
)
def test_what_changes_rows_counts(table, change):
    """Another query, window, key or set of columns makes another version."""
    assert gold_version(replace(table, **change)) != gold_version(table)


def test_description_of_a_column_does_not_count(table):
    """Texts are left out at every depth of a definition."""
    columns = tuple(replace(column, description="Other words.") for column in table.columns)
    assert gold_version(replace(table, columns=columns)) == gold_version(table)


@pytest.mark.parametrize(
    "change",
    [{"title": "Other"}, {"topic": None}, {"gold": ()}, {"owners": ("team:x",)}],
    ids=lambda each: next(iter(each)),
)
def test_silver_depends_on_schema_and_transform_alone(source, change):
    """What stands beside schema and Silver in a source does not change Silver's version."""
    assert silver_version(replace(source, **change)) == silver_version(source)


@pytest.mark.parametrize(
    "change", [{"event_id": None}, {"event_time": "at"}, {"pseudonymous": ()}, {"rules": ()}, {"fields": ()}], ids=str
)
def test_the_event_schema_counts(source, change):
    """Another identity, time, pseudonym, rule or field of the event makes another version of Silver."""
    changed = replace(source, schema=replace(source.schema, **change))
    assert silver_version(changed) != silver_version(source)


@pytest.mark.parametrize(
    "sql",
    [
        "select kind,count( * ) AS n from silver where kind<>'Ab -- c' group by KIND",
        "SELECT kind, COUNT(*) AS n\n\nFROM silver -- of all\nWHERE kind <> 'Ab -- c' /* but\none */ GROUP BY kind ;\n",
    ],
)
def test_the_layout_of_sql_does_not_count(table, sql):
    """White space, comments, a semicolon at the end and the case of words leave the version as it is."""
    plain = "SELECT kind, count(*) AS n FROM silver WHERE kind <> 'Ab -- c' GROUP BY kind"
    assert gold_version(replace(table, sql=sql)) == gold_version(replace(table, sql=plain))


@pytest.mark.parametrize("sql", ["SELECT 'ab', 1", "SELECT 'Ab' , 2", "SELECT 'A b', 1", "SELECT Ab, 1"])
def test_the_words_of_sql_count(table, sql):
    """Another text, also one of other case or spaces, another number or name makes another version."""
    assert gold_version(replace(table, sql=sql)) != gold_version(replace(table, sql="SELECT 'Ab', 1"))


def test_function_counts_with_its_source():
    """A transform written as a function has another version when its body is another one."""

    def same(events):
        return events

    def first(events):
        return events[:1]

    versions = [of_function(function) for function in (same, same, first)]
    assert [versions[0] == versions[1], versions[0] == versions[2]] == [True, False]


@pytest.mark.parametrize(
    "replacement",
    [
        ("return KINDS.get", "return _seen.get"),
        ('{"a": "b"}', '{"a": "c"}'),
        ('"x+"', '"x*"'),
        ("LENGTH = 10", "LENGTH = 11"),
        ("events[:LENGTH]", "events[LENGTH:]"),
        ("each.strip()", "each.lstrip()"),
    ],
    ids=lambda replacement: replacement[1],
)
def test_what_a_function_uses_of_its_own_package_counts(write_function, replacement):
    """A helper, a value of its module or of another module of its package makes another version when changed."""
    assert of_function(write_function(replacement)) != of_function(write_function())


def test_what_a_function_does_not_use_does_not_count(write_function):
    """Another function of the module, comments, layout and what a module keeps while it runs don't count."""
    plain, changed = (
        write_function(),
        write_function(("return events\n", "return None\n"), ("    return [", "    # A\n\n    return [")),
    )
    before = of_function(plain)
    plain([])
    assert [before == of_function(plain), before == of_function(changed)] == [True, True]


def test_what_a_function_was_given_counts():
    """Captured values, defaults and the arguments of a partial make another version."""

    def limited(number):
        return lambda events: events[:number]

    def default(events, number=1):
        return events[:number]

    def other_default(events, number=2):
        return events[:number]

    versions = [of_function(each) for each in (limited(1), limited(2), default, other_default)]
    versions += [of_function(functools.partial(default, number=number)) for number in (3, 4)]
    assert len(set(versions)) == len(versions)


def test_function_without_source_counts_with_its_name():
    """A function written in C can't be read, so its name stands for it."""
    assert of_function(len) != of_function(sum)


def test_versions_are_the_same_in_every_process(source):
    """Another process, with another seed of Python's hashes, finds the same versions."""
    program = (
        "from streaming_assets.registry import load_sources\n"
        "from streaming_assets.versions import code_version, gold_version, silver_version\n"
        "source = load_sources().get('user_interactions')\n"
        "print(silver_version(source), code_version(load_sources), *map(gold_version, source.gold))"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1]
    assert printed[0].split()[0] == silver_version(source)
