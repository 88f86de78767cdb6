from __future__ import annotations

from dataclasses import replace

import pytest

from streaming_assets.contract import SilverTable
from streaming_assets.defs.code_version import code_version


@pytest.fixture
def table(registry):
    return registry.sources["user_interactions"].gold[0]


@pytest.mark.parametrize("change", [{"description": "Other words."}, {"charts": ()}], ids=["description", "charts"])
def test_what_only_people_see_does_not_count(table, change):
    """Another description or other charts leave the version as it is, because they leave the data as it is."""
    assert code_version(replace(table, **change)) == code_version(table)


@pytest.mark.parametrize(
    "change", [{"sql": "SELECT 1"}, {"window": "1 hour"}, {"keys": ("events",)}, {"columns": ()}], ids=str
)
def test_what_changes_rows_counts(table, change):
    """Another query, window, key or set of columns makes another version."""
    assert code_version(replace(table, **change)) != code_version(table)


def test_description_of_a_column_does_not_count(table):
    """Texts are left out at every depth of a definition."""
    columns = tuple(replace(column, description="Other words.") for column in table.columns)
    assert code_version(replace(table, columns=columns)) == code_version(table)


def test_function_counts_with_its_source():
    """A transform written as a function has another version when its body is another one."""

    def same(events):
        return events

    def first(events):
        return events[:1]

    tables = [SilverTable(columns=(), function=function) for function in (same, same, first)]
    versions = [code_version(table) for table in tables]
    assert [versions[0] == versions[1], versions[0] == versions[2]] == [True, False]


def test_function_without_source_counts_with_its_name():
    """A function written in C can't be read, so its name stands for it."""
    assert code_version(len) != code_version(sum)
