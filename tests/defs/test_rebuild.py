"""What Dagster shows of a changed definition, and how a table is made anew from its pages."""

from __future__ import annotations

import re
from dataclasses import replace

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest
from deltalake import DeltaTable

from streaming_assets.defs.build import build_definitions
from streaming_assets.registry import Registry
from tests.support import rebuilding
from tests.support.rebuilding import DESCRIBED, FIRST, UPPER

GOLD = [f"gold/{table.name}" for table in FIRST.gold]
TABLES = ["silver", "quarantine", *GOLD]
REBUILD = {"config": {"rebuild": True}}
REPEATED = 17
"""Records that fit `FIRST` and repeat an event: the tenth of every ten, and the first of the second batch."""


class Location:
    """A code location of one source, whose Bronze is written by hand."""

    def __init__(self, home, instance):
        self.instance = instance
        self.lab = rebuilding.new_lab(home, FIRST)
        rebuilding.fill(self.lab)

    def load(self, source):
        """Load the definitions anew, as after a change of the plugin."""
        self.definitions = build_definitions(Registry({source.name: source}), self.lab.settings)

    def refresh(self, *, tables=TABLES, ops=None):
        keys = [dg.AssetKey(["shop", *table.split("/")]) for table in tables]
        job = self.definitions.resolve_job_def("refresh_shop")
        run = {"ops": ops} if ops else {}
        result = job.execute_in_process(instance=self.instance, asset_selection=keys, run_config=run)
        assert result.success
        return result

    def outdated(self):
        """Return the tables that the asset graph shows as outdated, each with the reasons that it gives."""
        graph = self.definitions.get_repository_def().asset_graph
        resolver = CachingStaleStatusResolver(self.instance, graph, LoadingContextForTest(self.instance))
        keys = {table: dg.AssetKey(["shop", *table.split("/")]) for table in TABLES}
        causes = {table: resolver.get_stale_causes(key) for table, key in keys.items()}
        return {table: [cause.reason for cause in found] for table, found in causes.items() if found}


@pytest.fixture
def location(tmp_path):
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        made = Location(tmp_path / "home", instance)
        made.load(FIRST)
        made.refresh()
        yield made
        made.lab.engine.close()


def test_other_words_leave_all_assets_up_to_date(location):
    """Another description or layout of SQL outdates nothing."""
    location.load(DESCRIBED)
    assert location.outdated() == {}


def test_silver_is_outdated_until_it_is_rebuilt(location):
    """Silver and quarantine show a new code version from its change to the rebuild, whatever refreshes come between."""
    location.load(UPPER)
    code = ["has a new code version"]
    assert {table: location.outdated().get(table) for table in ("silver", "quarantine")} == {
        "silver": code,
        "quarantine": code,
    }
    location.refresh()
    assert location.outdated()["silver"] == code
    location.lab.bronze({"id": "x", "at": "2026-03-01T09:00:00Z", "kind": "new", "user": "u1", "amount": 7})
    location.refresh()
    assert location.outdated()["silver"] == code

    result = location.refresh(ops={"shop__silver": REBUILD})
    assert location.outdated() == {}
    assert result.asset_materializations_for_node("shop__silver")[0].metadata["dagster/row_count"].value > 0
    kinds = {row["kind"] for row in location.lab.rows("silver")}
    assert kinds == {"ODD", "EVEN", "NEW"}
    assert {row["kind"] for row in location.lab.rows("gold", "kinds")} == kinds


def reconciled(result):
    """What the check of that name says: whether it holds, and the numbers."""
    (found,) = [each for each in result.get_asset_check_evaluations() if each.check_name == "reconciled"]
    return found.passed, found.description


def test_duplicates_by_another_event_id_are_no_losses(location):
    """Under another event id nobody can tell Silver's duplicates: a run that brings nothing does not call them lost."""
    location.load(replace(FIRST, schema=replace(FIRST.schema, event_id=None)))
    held, numbers = reconciled(location.refresh())
    assert (held, re.findall(r"unknown \d+|lost", numbers)) == (True, [f"unknown {REPEATED}"])

    location.lab.bronze({"id": "x", "at": "2026-03-01T09:00:00Z", "kind": "new", "user": "u1", "amount": 7})
    assert reconciled(location.refresh()) == (True, "bronze 1 = silver 1 + quarantine 0 + duplicates 0")

    held, numbers = reconciled(location.refresh(ops={"shop__silver": REBUILD}))
    assert (held, re.findall(r"unknown|duplicates \d+", numbers)) == (True, ["duplicates 0"])


def test_gold_is_outdated_until_its_next_refresh(location):
    """A Gold table whose query changed shows a new code version, and is up to date after the next refresh of it."""
    kinds = FIRST.gold[2]
    changed = replace(kinds, sql=kinds.sql.replace("count(*)", "count(*) + 1"))
    before = {row["kind"]: row["n"] for row in location.lab.rows("gold", "kinds")}
    location.load(replace(FIRST, gold=(*FIRST.gold[:2], changed)))
    assert location.outdated() == {"gold/kinds": ["has a new code version"]}
    location.refresh(tables=["gold/kinds"])
    assert location.outdated() == {}
    after = {row["kind"]: row["n"] for row in location.lab.rows("gold", "kinds")}
    assert after == {kind: n + 1 for kind, n in before.items()}


def test_gold_shows_that_silver_was_made_anew(location):
    """After Silver alone was rebuilt, Gold tables show that what they are computed from has changed."""
    location.load(UPPER)
    location.refresh(tables=["silver", "quarantine"], ops={"shop__silver": REBUILD})
    assert sorted(location.outdated()) == sorted(GOLD)
    location.refresh()
    assert location.outdated() == {}


def test_gold_can_be_rebuilt_by_run_config(location):
    """A Gold table that somebody altered is computed again by a run that is configured to."""
    table = location.lab.lake / "shop" / "gold" / "kinds"
    before = location.lab.rows("gold", "kinds")
    DeltaTable(str(table)).delete("kind = 'odd'")
    location.refresh(tables=["gold/kinds"], ops={"shop__gold__kinds": REBUILD})
    assert location.lab.rows("gold", "kinds") == before
