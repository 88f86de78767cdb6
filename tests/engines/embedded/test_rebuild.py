"""Silver, quarantine and Gold made anew after their definition changed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake import Field as DeltaField
from deltalake.schema import PrimitiveType

from streaming_assets.contract import Field, ScalarType
from streaming_assets.engines.protocol import Rebuilt, Staged
from streaming_assets.errors import ConcurrentWrite, DefinitionChanged, EngineError, ForeignWrite, TableError
from streaming_assets.faults import VARIABLE
from streaming_assets.lake.compaction import MERGE_FROM, merge_files
from streaming_assets.lake.opening import open_table
from streaming_assets.lake.schemas import STATISTICS, silver_schema, statistics
from streaming_assets.lake.staging import find_staging
from streaming_assets.lake.tables import LakeTable
from streaming_assets.versions import MIXED, gold_version, silver_version
from tests.support import rebuilding
from tests.support.rebuilding import DESCRIBED, FIRST, UPPER, WIDER

ROOT = Path(__file__).parents[3]
GOLD = [table.name for table in FIRST.gold]
TABLES = ["silver", "quarantine", *GOLD]


@pytest.fixture
def labs(tmp_path):
    """Makes labs of a source: `labs(source)` in one home, `labs(source, home)` in another one."""
    made = []

    def make(source, home="home"):
        made.append(rebuilding.new_lab(tmp_path / home, source))
        made[-1]._next = {0: rebuilding.BATCHES * rebuilding.RECORDS}
        return made[-1]

    yield make
    for lab in made:
        lab.engine.close()


@pytest.fixture
def filled(labs):
    """The home in which all tables are those of the first definition."""
    lab = labs(FIRST)
    lab._next = {}
    rebuilding.fill(lab)
    rebuilding.refresh(lab, "refine", "gold")
    return lab


@pytest.fixture
def from_scratch(labs, filled):
    """Returns the rows of all tables, made from the same Bronze in an empty lake."""

    def make(source):
        lab = labs(source, "scratch")
        shutil.rmtree(lab.lake, ignore_errors=True)
        shutil.copytree(filled.lake / "shop" / "bronze", lab.lake / "shop" / "bronze")
        rebuilding.refresh(lab, "refine", "gold")
        return rows(lab)

    return make


def rows(lab):
    """The rows of all tables, in an order of their own."""
    read = {name: lab.rows("gold", name) if name in GOLD else lab.rows(name) for name in TABLES}
    return {name: sorted(map(repr, table)) for name, table in read.items()}


def refined(tables):
    """Those of Silver and quarantine alone."""
    return tables["silver"], tables["quarantine"]


def definitions(lab):
    return {name: opened(lab, name).definition for name in TABLES}


def opened(lab, name):
    return open_table(lab.identity(*(("gold", name) if name in GOLD else (name,))), lab.lake)


def start(lab, name, *steps, fault=None):
    """Start a process that does steps with the source of that name."""
    environment = {**os.environ, **({VARIABLE: fault} if fault else {})}
    command = [sys.executable, "-m", "tests.support.rebuilding", str(lab.settings.home), name, *steps]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def end(process):
    _, err = process.communicate(timeout=200)
    return process.returncode, err


def kill_at(lab, fault, *steps, name="wider"):
    """Run steps in a process that dies of SIGKILL at a fault point."""
    code, err = end(start(lab, name, *steps, fault=f"{fault}=kill"))
    assert code == -signal.SIGKILL, f"the process ended by itself: {err}"


def test_every_commit_says_by_which_definition_the_rows_were_computed(filled):
    """Silver, quarantine and each Gold table record the version of their own definition."""
    silver = silver_version(FIRST)
    assert definitions(filled) == {
        "silver": silver,
        "quarantine": silver,
        **{table.name: gold_version(table) for table in FIRST.gold},
    }


def test_other_words_change_nothing(labs, filled):
    """With other descriptions, charts and layout of SQL, a refresh writes nothing and a rebuild is not asked for."""
    before = filled.versions()
    described = labs(DESCRIBED)
    rebuilding.refresh(described, "refine", "gold")
    assert described.versions() == before
    assert definitions(described)["silver"] == silver_version(DESCRIBED)


@pytest.mark.usefixtures("filled")
def test_a_table_of_several_definitions_is_of_none(labs):
    """Rows of a changed definition make Silver mixed, for good: the first definition does not bring it back."""
    changed, stored = labs(UPPER), silver_version(FIRST)
    rebuilding.refresh(changed, "refine")
    assert definitions(changed)["silver"] == stored
    changed.bronze({"id": "x", "at": "2026-03-01T09:00:00Z", "kind": "new", "user": None, "amount": 1}, b"rubbish")
    rebuilding.refresh(changed, "refine")
    assert [definitions(changed)[name] for name in ("silver", "quarantine")] == [MIXED, MIXED]
    first = labs(FIRST)
    first.bronze()
    rebuilding.refresh(first, "refine")
    assert definitions(first)["silver"] == MIXED


@pytest.mark.parametrize("source", [FIRST, UPPER, WIDER], ids=["the same", "another query", "other columns"])
def test_a_rebuild_gives_what_an_empty_lake_gives(labs, from_scratch, source):
    """Silver, quarantine and Gold hold, row by row, what the definition makes of Bronze in an empty lake."""
    changed = labs(source)
    *steps, rebuilt = rebuilding.refresh(changed, "rebuild")
    assert refined(rows(changed)) == refined(from_scratch(source))
    rebuilding.refresh(changed, "refine", "gold")
    assert rows(changed) == from_scratch(source)
    assert [type(step) for step in steps] == [Staged] * len(steps)
    assert [step.records for step in steps] == sorted(step.records for step in steps)
    assert (steps[-1].records, steps[-1].total) == (160, 160)
    counts = len(rows(changed)["silver"]), len(rows(changed)["quarantine"])
    assert rebuilt == Rebuilt(batch=4, generation=1, silver=counts[0], quarantined=counts[1])
    assert definitions(changed)["silver"] == silver_version(source)
    assert find_staging(source, changed.lake) is None
    assert sorted(path.name for path in (changed.lake / "shop").iterdir()) == ["bronze", "gold", "quarantine", "silver"]


def test_texts_that_hold_ends_of_lines_are_rebuilt(labs):
    """What Unicode takes for the end of a line may stand in the texts of rows that are made anew."""
    lab = labs(FIRST)
    lab.bronze({"at": "2026-03-01T11:00:00Z", "kind": "a\u2028b\x85", "user": "\u2029"})
    lab.refine()
    before = lab.rows("silver")
    *_, rebuilt = lab.engine.rebuild(FIRST)
    assert isinstance(rebuilt, Rebuilt)
    assert [{**row, "batch": 1} for row in lab.rows("silver")] == [{**row, "batch": 1} for row in before]


def test_tables_go_on_after_a_rebuild(labs, from_scratch):
    """Batches that come after a rebuild are refined and aggregated as before, and compaction keeps what is recorded."""
    changed = labs(WIDER)
    rebuilding.refresh(changed, "rebuild", "refine", "gold")
    changed.bronze({"id": "x", "at": "2026-03-01T01:00:00Z", "kind": "new", "user": "u1", "amount": "7"}, b"rubbish")
    rebuilding.refresh(changed, "refine", "gold")
    assert rows(changed) == from_scratch(WIDER)
    silver = opened(changed, "silver")
    silver.compact(metadata=silver.commit_metadata())
    assert (opened(changed, "silver").definition, opened(changed, "silver").generation) == (silver_version(WIDER), 1)
    again = rebuilding.refresh(changed, "rebuild", "refine", "gold")
    assert rows(changed) == from_scratch(WIDER)
    assert next(step for step in again if isinstance(step, Rebuilt)).generation == 2


def test_changed_columns_stop_the_refresh(labs, filled):
    """Silver with other columns than its definition is not touched; the error names the command that mends it."""
    before = filled.versions()
    with pytest.raises(DefinitionChanged, match=r"`streaming-assets refresh shop --rebuild silver`") as raised:
        rebuilding.refresh(labs(WIDER), "refine")
    assert raised.value.found == "letters (missing instead of int64)"
    assert filled.versions() == before


def test_columns_that_somebody_changed_are_told_apart(labs, filled, from_scratch):
    """Where the definition is the one that made the table, somebody changed its columns; a rebuild undoes it."""
    table = DeltaTable(str(filled.lake / "shop" / "silver"))
    table.alter.add_columns(DeltaField("extra", PrimitiveType("string")))
    lab = labs(FIRST)
    with pytest.raises(TableError, match=r"Somebody changed the columns of table shop\.silver") as raised:
        rebuilding.refresh(lab, "refine")
    assert not isinstance(raised.value, DefinitionChanged)
    rebuilding.refresh(lab, "rebuild", "refine", "gold")
    assert rows(lab) == from_scratch(FIRST)


def gold_changed(name, **change):
    """The first source with one Gold table changed."""
    gold = (replace(table, **change) if table.name == name else table for table in FIRST.gold)
    return replace(FIRST, gold=tuple(gold))


LENGTH = Field(name="length", type=ScalarType.LONG)
OTHER_GOLD = {
    "counts": {"sql": FIRST.gold[0].sql.replace("count(*)", "2 * count(*)")},
    "spent": {
        "sql": "SELECT user, max(length(kind)) AS length FROM silver GROUP BY user",
        "columns": (FIRST.gold[1].columns[0], LENGTH),
    },
    "kinds": {"sql": "SELECT kind, count(*) + 1 AS n FROM silver GROUP BY kind"},
}


@pytest.mark.parametrize("name", GOLD)
def test_gold_is_computed_as_a_whole_where_its_definition_changed(labs, filled, from_scratch, name):
    """A Gold table with another query or other columns is replaced by the next refresh; the others are left alone."""
    changed = labs(gold_changed(name, **OTHER_GOLD[name]))
    before = rows(filled)[name]
    done = rebuilding.refresh(changed, "refine", "gold")
    assert [(step.table, step.ranges) for step in done if step is not None] == [(name, None)]
    assert rows(changed) == from_scratch(changed.source)
    assert rows(changed)[name] != before
    assert rebuilding.refresh(changed, "refine", "gold") == [None, None, None]
    changed.bronze({"id": "x", "at": "2026-03-01T01:00:00Z", "kind": "new", "user": "u1", "amount": 7})
    rebuilding.refresh(changed, "refine", "gold")
    assert rows(changed) == from_scratch(changed.source)


@pytest.mark.parametrize("name", GOLD)
def test_gold_can_be_rebuilt_on_demand(labs, from_scratch, name):
    """A Gold table that somebody altered is refused by a refresh, and computed again where a rebuild is asked for."""
    lab = labs(FIRST)
    DeltaTable(str(lab.lake / "shop" / "gold" / name)).delete()
    with pytest.raises(ForeignWrite):
        rebuilding.refresh(lab, "refine", "gold")
    assert lab.engine.aggregate(FIRST, lab.table(name), rebuild=True).ranges is None
    assert rows(lab) == from_scratch(FIRST)
    assert rebuilding.refresh(lab, "refine", "gold") == [None, None, None]


def test_a_rebuild_undoes_what_somebody_did_to_silver(labs, from_scratch):
    """Silver and quarantine that another writer changed are as Bronze has them after a rebuild."""
    lab = labs(FIRST)
    DeltaTable(str(lab.lake / "shop" / "silver")).delete("kind = 'odd'")
    shutil.rmtree(lab.lake / "shop" / "quarantine")
    rebuilding.refresh(lab, "rebuild", "refine", "gold")
    assert rows(lab) == from_scratch(FIRST)


def forget(lab, name):
    """Let a table be as one that was made before commits said by which definition."""
    table = opened(lab, name)
    log = table.path / "_delta_log"
    metadata = {key: value for key, value in table.commit_metadata().items() if key != "definition"}
    properties = CommitProperties(
        app_transactions=[Transaction(table.id.app_id, table.batch)],
        custom_metadata={"userMetadata": json.dumps(metadata)},
    )
    empty = DeltaTable(str(log.parent)).to_pyarrow_table().slice(0, 0)
    write_deltalake(str(log.parent), empty, mode="append", commit_properties=properties)


def test_a_table_older_than_definitions_is_taken_to_be_of_the_present_one(labs, filled):
    """A table that names no definition is not computed again, and from its next commit on names the present one."""
    for name in TABLES:
        forget(filled, name)
    assert set(definitions(filled).values()) == {None}
    changed = labs(gold_changed("kinds", **OTHER_GOLD["kinds"]))
    assert rebuilding.refresh(changed, "refine", "gold") == [None, None, None]
    changed.bronze({"id": "x", "at": "2026-03-01T01:00:00Z", "kind": "new", "user": "u1", "amount": 7}, b"rubbish")
    rebuilding.refresh(changed, "refine", "gold")
    assert definitions(changed)["silver"] == silver_version(FIRST)
    assert definitions(changed)["kinds"] == gold_version(changed.source.gold[2])


def test_an_older_table_with_other_columns_is_not_adopted(labs, filled, from_scratch):
    """Silver that names no definition and has other columns stops the refresh; such a Gold table is computed again."""
    for name in TABLES:
        forget(filled, name)
    with pytest.raises(DefinitionChanged):
        rebuilding.refresh(labs(WIDER), "refine")
    changed = labs(gold_changed("spent", **OTHER_GOLD["spent"]))
    done = rebuilding.refresh(changed, "refine", "gold")
    assert [step.table for step in done if step is not None] == ["spent"]
    assert rows(changed) == from_scratch(changed.source)
    rebuilding.refresh(changed, "rebuild", "gold")
    assert rows(changed) == from_scratch(changed.source)


def statistics_of(lab, name):
    return opened(lab, name).table_property(STATISTICS).split(",")


def test_statistics_of_another_definition_are_mended(labs, filled, from_scratch):
    """After a kill between the two commits of new columns, the old definition has the statistics of its own back."""
    kill_at(filled, "gold.computed", "gold", name="longest")
    silver = opened(filled, "silver")
    silver.set_table_property(STATISTICS, ",".join(statistics(silver_schema(WIDER))))
    assert (statistics_of(filled, "spent"), "letters" in statistics_of(filled, "silver")) == (["user", "length"], True)
    lab = labs(FIRST)
    lab.bronze({"id": "x", "at": "2026-03-01T09:00:00Z", "kind": "new", "user": "u1", "amount": 7})
    rebuilding.refresh(lab, "refine", "gold")
    assert statistics_of(lab, "spent") == ["user", "amount"]
    assert statistics_of(lab, "silver") == statistics(silver_schema(FIRST))
    assert all("amount" in file.high for file in opened(lab, "spent").files())
    assert rows(lab) == from_scratch(FIRST)
    before = lab.versions()
    rebuilding.refresh(lab, "refine", "gold")
    assert lab.versions() == before


def test_statistics_that_others_added_stay(filled):
    """Columns that another writer let the log have statistics of, besides ours, are left to it."""
    wanted = [*statistics_of(filled, "silver"), "event_date"]
    opened(filled, "silver").set_table_property(STATISTICS, ",".join(wanted))
    rebuilding.refresh(filled, "refine")
    assert statistics_of(filled, "silver") == wanted


DURING = ["quarantine.committed@2", "silver.written@3", "silver.committed@4"]
SWAPPING = ["rebuild.staged", *(f"rebuild.{moment}@{hit}" for hit in (1, 2) for moment in ("linked", "swapped"))]
AFTER = ["gold.written@2", "gold.committed@1"]
LEFT = {"quarantine.committed@2": [2, 3, 4], "silver.written@3": [3, 4], **{each: [1, 2, 3, 4] for each in AFTER}}
"""The batches that are staged by a rebuild after a kill: after one of Gold, which comes last, all of them again."""


@pytest.mark.parametrize("fault", [*DURING, *SWAPPING, *AFTER])
def test_a_killed_rebuild_goes_on(labs, filled, from_scratch, fault):
    """Killed at any moment and run again, a rebuild ends with what an empty lake gives, and stages nothing twice."""
    kill_at(filled, fault, "rebuild", "refine", "gold")
    changed = labs(WIDER)
    steps = rebuilding.refresh(changed, "rebuild", "refine", "gold")
    assert rows(changed) == from_scratch(WIDER)
    staged = [step.batch for step in steps if isinstance(step, Staged)]
    assert staged == LEFT.get(fault, [])
    assert find_staging(WIDER, changed.lake) is None


@pytest.mark.parametrize("fault", SWAPPING)
def test_a_killed_swap_is_finished_by_the_next_refresh(labs, filled, from_scratch, fault):
    """A refresh that asks for no rebuild finishes the swap that a killed one had begun, whatever the definition."""
    kill_at(filled, fault, "rebuild", "refine", "gold")
    changed = labs(WIDER)
    changed.bronze({"id": "x", "at": "2026-03-01T01:00:00Z", "kind": "new", "user": "u1", "amount": "7"}, b"rubbish")
    rebuilding.refresh(changed, "refine", "gold")
    assert rows(changed) == from_scratch(WIDER)
    assert find_staging(WIDER, changed.lake) is None


def test_a_half_finished_swap_is_finished_under_another_definition(labs, filled, from_scratch):
    """Silver that has been replaced takes quarantine along, also where the plugin has changed again since."""
    kill_at(filled, "rebuild.swapped@1", "rebuild", name="upper")
    assert (opened(filled, "silver").generation, opened(filled, "quarantine").generation) == (1, 0)
    first = labs(FIRST)
    rebuilding.refresh(first, "refine")
    assert (opened(first, "silver").generation, opened(first, "quarantine").generation) == (1, 1)
    assert refined(rows(first)) == refined(from_scratch(UPPER))
    assert definitions(first)["silver"] == silver_version(UPPER)


@pytest.mark.parametrize("fault", ["rebuild.swapped@1", "rebuild.swapped@2"])
def test_a_rebuild_after_another_definition_was_half_swapped_is_of_the_present_one(labs, filled, from_scratch, fault):
    """Asked for after the plugin changed once more, a rebuild makes what it is asked for, not what was left staged."""
    kill_at(filled, fault, "rebuild", name="upper")
    changed = labs(WIDER)
    *steps, rebuilt = rebuilding.refresh(changed, "rebuild")
    assert [step.batch for step in steps] == [1, 2, 3, 4]
    assert (rebuilt.generation, definitions(changed)["silver"]) == (2, silver_version(WIDER))
    rebuilding.refresh(changed, "refine", "gold")
    assert rows(changed) == from_scratch(WIDER)


def test_a_refresh_leaves_an_unfinished_rebuild_to_the_next_one(labs, filled, from_scratch):
    """A rebuild killed half-way takes no place; refreshes go on with the old tables, until it is asked for again."""
    kill_at(filled, "silver.committed@3", "rebuild", name="upper")
    changed = labs(UPPER)
    before = rows(changed)
    changed.bronze({"id": "x", "at": "2026-03-01T09:00:00Z", "kind": "new", "user": "u1", "amount": 7})
    rebuilding.refresh(changed, "refine", "gold")
    assert set(before["silver"]) < set(rows(changed)["silver"])
    steps = rebuilding.refresh(changed, "rebuild", "refine", "gold")
    assert [step.batch for step in steps if isinstance(step, Staged)] == [5]  # with batch 4
    assert rows(changed) == from_scratch(UPPER)


def test_what_another_definition_staged_is_thrown_away(labs, filled, from_scratch):
    """A rebuild begins anew where the staged rows are of a definition that the plugin has no more."""
    kill_at(filled, "silver.committed@3", "rebuild", name="upper")
    changed = labs(WIDER)
    steps = rebuilding.refresh(changed, "rebuild", "refine", "gold")
    assert [step.batch for step in steps if isinstance(step, Staged)] == [1, 2, 3, 4]
    assert rows(changed) == from_scratch(WIDER)
    kill_at(filled, "silver.committed@3", "rebuild", name="upper")
    rebuilding.refresh(changed, "refine")
    assert not (changed.lake / "shop" / "_rebuild").exists()


def test_tables_that_do_not_belong_together_stop_the_refresh(labs, filled, from_scratch):
    """With what was staged gone between the two commits of a swap, a refresh stops, and a rebuild mends the tables."""
    kill_at(filled, "rebuild.swapped@1", "rebuild")
    shutil.rmtree(filled.lake / "shop" / "_rebuild")
    changed = labs(WIDER)
    with pytest.raises(TableError, match=r"do not belong together[\s\S]*--rebuild silver"):
        rebuilding.refresh(changed, "refine")
    rebuilding.refresh(changed, "rebuild", "refine", "gold")
    assert rows(changed) == from_scratch(WIDER)


def test_a_reader_sees_the_old_table_or_the_new_one(labs, filled):
    """A reader that counts rows all the time sees those of before or of after, in Silver, quarantine and Gold."""
    counts = {name: set() for name in TABLES}
    before = {name: len(table) for name, table in rows(filled).items()}
    process = start(
        filled, "wider", "rebuild", "refine", "gold", fault="rebuild.swapped=delay:0.3,gold.written=delay:0.3"
    )
    reads = 0
    while process.poll() is None:
        for name in TABLES:
            path = opened(filled, name).path
            counts[name].add(DeltaTable(str(path)).to_pyarrow_table(columns=[]).num_rows)
            reads += 1
    assert end(process)[0] == 0
    after = {name: len(table) for name, table in rows(labs(WIDER)).items()}
    assert {name: seen <= {before[name], after[name]} for name, seen in counts.items()} == dict.fromkeys(TABLES, True)
    assert before["silver"] in counts["silver"]
    assert reads > len(TABLES)


def test_a_compaction_between_does_not_bring_old_rows_back(labs, from_scratch, monkeypatch):
    """Files that maintenance merges while Silver is being replaced neither stay nor come back."""
    take_over, compacted = LakeTable.take_over, []

    def compact_first(table, staged, **how):
        if len(compacted) < 2:
            other = open_table(table.id, labs(WIDER).lake)
            compacted.append(other.compact(metadata=other.commit_metadata())["numFilesRemoved"])
        return take_over(table, staged, **how)

    monkeypatch.setattr(LakeTable, "take_over", compact_first)
    changed = labs(WIDER)
    rebuilding.refresh(changed, "rebuild", "refine", "gold")
    assert compacted[0] > 1
    assert rows(changed) == from_scratch(WIDER)


@pytest.mark.parametrize("merged", [0, 1])
def test_a_compaction_that_crosses_a_rebuild_is_refused(labs, filled, merged):
    """A merge of a Silver that was replaced since it was opened brings back neither files nor the definition."""
    for hour in (1, 2):
        filled.bronze({"id": f"x{hour}", "at": f"2026-02-01T{hour:02}:00:00Z", "kind": "odd", "user": "u", "amount": 1})
        rebuilding.refresh(filled, "refine")
    merging = merge_files(opened(filled, "silver"), min_files=MERGE_FROM)
    days = [next(merging)["event_date"] for _ in range(merged)]
    assert days == ["2026-02-01"][:merged]
    changed = labs(UPPER)
    rebuilding.refresh(changed, "rebuild")
    before = rows(changed)
    with pytest.raises(ConcurrentWrite):
        next(merging)
    assert rows(changed) == before
    assert (opened(changed, "silver").definition, opened(changed, "silver").generation) == (silver_version(UPPER), 1)


def test_files_are_copied_where_they_cannot_be_linked(labs, from_scratch, monkeypatch):
    """On a file system without links a rebuild gives the same tables."""

    def refuse(*_names):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    changed = labs(WIDER)
    rebuilding.refresh(changed, "rebuild", "refine", "gold")
    assert rows(changed) == from_scratch(WIDER)


def test_a_full_disk_is_told_before_anything_is_written(labs, filled, monkeypatch):
    """Where the disk has less room than the old tables take, nothing is made anew, and the error says so."""
    before = filled.versions()
    usage = shutil.disk_usage(filled.lake)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=100))
    with pytest.raises(EngineError, match=r"not enough disk space[\s\S]*refresh shop --rebuild silver"):
        rebuilding.refresh(labs(WIDER), "rebuild")
    assert filled.versions() == before


def test_without_bronze_there_is_nothing_to_rebuild(labs):
    """A source that was never refreshed is rebuilt to nothing, without an error."""
    lab = labs(FIRST, "empty")
    assert rebuilding.refresh(lab, "rebuild", "refine", "gold") == [None, None, None]
