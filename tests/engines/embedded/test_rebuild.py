"""Silver, quarantine and Gold made anew after their definition changed."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path

import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from streaming_assets.engines.protocol import Rebuilt, Staged
from streaming_assets.errors import ConcurrentWrite, DefinitionChanged, EngineError, ForeignWrite, TableError
from streaming_assets.faults import VARIABLE
from streaming_assets.lake import layout
from streaming_assets.lake.staging import find_staging
from streaming_assets.lake.tables import open_table
from streaming_assets.versions import MIXED, gold_version, silver_version

PROGRAM = Path(__file__).parents[2] / "support" / "rebuilding.py"
_SPEC = importlib.util.spec_from_file_location("rebuilding", PROGRAM)
rebuilding = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(rebuilding)

FIRST, UPPER, WIDER, DESCRIBED = rebuilding.FIRST, rebuilding.UPPER, rebuilding.WIDER, rebuilding.DESCRIBED
GOLD = [table.name for table in FIRST.gold]
TABLES = ["silver", "quarantine", *GOLD]

Rows = namedtuple("Rows", TABLES)


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
        home = f"scratch-{source.silver.sql}"[:40]
        lab = labs(source, home)
        shutil.rmtree(lab.lake, ignore_errors=True)
        shutil.copytree(filled.lake / "shop" / "bronze", lab.lake / "shop" / "bronze")
        rebuilding.refresh(lab, "refine", "gold")
        return rows(lab)

    return make


def rows(lab):
    """The rows of all tables, in an order of their own."""
    read = [lab.rows("gold", name) if name in GOLD else lab.rows(name) for name in TABLES]
    return Rows(*(sorted(map(repr, table)) for table in read))


def definitions(lab):
    return {name: opened(lab, name).definition for name in TABLES}


def opened(lab, name):
    return open_table(lab.identity(*(("gold", name) if name in GOLD else (name,))), lab.lake)


def start(lab, name, *steps, fault=None):
    """Start a process that does steps with the source of that name."""
    environment = {**os.environ, **({VARIABLE: fault} if fault else {})}
    command = [sys.executable, str(PROGRAM), str(lab.settings.home), name, *steps]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


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


def test_a_table_of_several_definitions_is_of_none(labs, filled):
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
def test_a_rebuild_gives_what_an_empty_lake_gives(labs, filled, from_scratch, source):
    """Silver, quarantine and Gold hold, row by row, what the definition makes of Bronze in an empty lake."""
    changed = labs(source)
    *steps, rebuilt = rebuilding.refresh(changed, "rebuild")
    assert rows(changed)[:2] == from_scratch(source)[:2]
    rebuilding.refresh(changed, "refine", "gold")
    assert rows(changed) == from_scratch(source)
    assert [type(step) for step in steps] == [Staged] * len(steps)
    assert [step.records for step in steps] == sorted(step.records for step in steps)
    assert (steps[-1].records, steps[-1].total) == (240, 240)
    counts = len(rows(changed).silver), len(rows(changed).quarantine)
    assert rebuilt == Rebuilt(batch=6, generation=1, silver=counts[0], quarantined=counts[1])
    assert definitions(changed)["silver"] == silver_version(source)
    assert find_staging(source, changed.lake) is None
    assert sorted(path.name for path in (changed.lake / "shop").iterdir()) == ["bronze", "gold", "quarantine", "silver"]


def test_tables_go_on_after_a_rebuild(labs, filled, from_scratch):
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
    filled.open("silver")._delta.alter.add_columns([])  # nothing: the table can be altered
    table = DeltaTable(str(filled.lake / "shop" / "silver"))
    write_deltalake(table, table.to_pyarrow_table().slice(0, 0).append_column("extra", [[]]), mode="append",
                    schema_mode="merge")  # fmt: skip
    lab = labs(FIRST)
    with pytest.raises(TableError, match="Somebody changed the columns of table shop.silver") as raised:
        rebuilding.refresh(lab, "refine")
    assert not isinstance(raised.value, DefinitionChanged)
    rebuilding.refresh(lab, "rebuild", "refine", "gold")
    assert rows(lab) == from_scratch(FIRST)


def test_gold_is_computed_as_a_whole_where_its_definition_changed(labs, filled, make_gold):
    """A Gold table with another query or other columns is replaced by the next refresh, in one commit of data."""
    changed = labs(make_gold("counts", sql="SELECT window_start, window_end, kind, 2 * count(*) AS n FROM silver "
                             "GROUP BY window_start, window_end, kind"))  # fmt: skip
    before = {row["window_start"]: row["n"] for row in filled.rows("gold", "counts") if row["kind"] == "odd"}
    done = rebuilding.refresh(changed, "refine", "gold")
    after = {row["window_start"]: row["n"] for row in changed.rows("gold", "counts") if row["kind"] == "odd"}
    assert after == {start: 2 * n for start, n in before.items()}
    assert [(step.table, step.ranges) for step in done if step is not None] == [("counts", None)]
    assert rebuilding.refresh(changed, "refine", "gold") == [None, None, None]


@pytest.fixture
def make_gold():
    """Makes the first source with one Gold table changed."""
    from dataclasses import replace

    return lambda name, **change: replace(
        FIRST, gold=tuple(replace(table, **change) if table.name == name else table for table in FIRST.gold)
    )
