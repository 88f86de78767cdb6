from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from streaming_assets.defs.translator import Translator
from streaming_assets.settings import load_settings


@pytest.fixture
def translator(registry, settings):
    return Translator(registry.sources["user_interactions"], settings)


def test_topic_says_what_it_holds(translator):
    """The topic's page shows its name, its record key and the fields of its events."""
    topic = translator.topic()
    fields = [column.name for column in topic.metadata["dagster/column_schema"].columns]
    assert (topic.metadata["topic"], topic.metadata["partitions"], topic.metadata["record_key"], fields) == (
        "user_interactions",
        4,
        "user_id",
        ["id", "timestamp", "event", "user_id", "video_id", "payload"],
    )


def test_table_says_where_it_lies(translator, settings):
    """A table's page shows its name and its folder in the lake."""
    sessions = translator.gold(translator.source.gold[1]).metadata
    folder = settings.home / "lake" / "user_interactions" / "gold" / "user_sessions"
    assert (sessions["dagster/table_name"], sessions["dagster/uri"]) == (
        "user_interactions.gold.user_sessions",
        f"file://{folder}",
    )


def test_columns_are_those_of_the_table(translator):
    """A Gold table's page shows its declared columns, of which its keys are marked."""
    columns = translator.gold(translator.source.gold[0]).metadata["dagster/column_schema"].columns
    assert [(each.name, each.type, each.constraints.nullable, each.constraints.other) for each in columns] == [
        ("window_start", "timestamp", False, ["key"]),
        ("window_end", "timestamp", False, []),
        ("event_type", "string", False, ["key"]),
        ("events", "bigint", False, []),
    ]


def test_gold_columns_know_the_silver_columns(translator):
    """The lineage of a Gold column names the Silver columns its values are made of."""
    lineage = translator.gold(translator.source.gold[1]).metadata["dagster/column_lineage"].deps_by_column
    assert {(dep.asset_key.to_user_string(), dep.column_name) for dep in lineage["user_id"]} == {
        ("user_interactions/silver", "user_id")
    }
    assert {dep.column_name for dep in lineage["session_start"]} == {"event_time"}


def test_query_is_shown(translator):
    """A table that is made by a query shows it, and one that is not shows none."""
    shown = translator.gold(translator.source.gold[0]).metadata["sql"].md_str
    assert shown.startswith("```sql\nSELECT window_start")
    assert shown.endswith("GROUP BY window_start, window_end, event_type\n```")
    assert "sql" not in translator.bronze().metadata


def only_names(events):
    return events.select(["name"])


@pytest.mark.parametrize(
    ("function", "shown"),
    [
        (only_names, 'def only_names(events):\n    return events.select(["name"])'),
        (partial(only_names), "<class 'functools.partial'>"),
    ],
    ids=["written", "made"],
)
def test_function_is_shown(translator, settings, function, shown):
    """A Silver table that is made by a function shows its code, or what made it, and no query."""
    source = translator.source
    changed = replace(source, silver=replace(source.silver, sql=None, function=function))
    metadata = Translator(changed, settings).silver().metadata
    assert ("sql" in metadata, metadata["function"].md_str) == (False, f"```python\n{shown}\n```")
    assert "function" not in translator.silver().metadata


@pytest.mark.parametrize(
    ("position", "recomputed"),
    [(0, "windows of 1 minute that new events touch"), (1, "each user_id that new events touch")],
)
def test_what_is_recomputed_is_said(translator, position, recomputed):
    """A Gold table says which part of it a refresh computes again."""
    assert translator.gold(translator.source.gold[position]).metadata["recomputed"] == recomputed


def test_table_without_window_and_key_is_recomputed_as_a_whole(translator):
    """A Gold table with neither window nor key says so."""
    whole = replace(translator.source.gold[0], window=None)
    assert translator.gold(whole).metadata["recomputed"] == "as a whole"


@pytest.mark.parametrize(("minutes", "window"), [(90, timedelta(minutes=90)), (0.5, timedelta(minutes=1))])
def test_freshness_is_the_one_of_the_settings(translator, settings, minutes, window):
    """Every table is stale after the time that the settings name, but not before the minute Dagster asks for."""
    other = replace(translator, settings=load_settings(home=settings.home, freshness_minutes=minutes))
    assert {spec.freshness_policy.fail_window.to_timedelta() for spec in other.tables()} == {window}


def test_owners_are_those_of_the_source(translator):
    """All assets belong to the owners of the source."""
    owned = replace(translator, source=replace(translator.source, owners=("team:streams", "ada@example.org")))
    assert {tuple(spec.owners) for spec in [owned.topic(), *owned.tables()]} == {("team:streams", "ada@example.org")}


def test_changed_query_changes_its_own_version_only(translator):
    """A table has another code version when its definition is another one; the other tables keep theirs."""
    first, *others = translator.source.gold
    changed = replace(translator, source=replace(translator.source, gold=(replace(first, window="1 hour"), *others)))
    before = {spec.key.path[-1]: spec.code_version for spec in translator.tables()}
    after = {spec.key.path[-1]: spec.code_version for spec in changed.tables()}
    assert {name for name in before if before[name] != after[name]} == {"events_by_type"}
