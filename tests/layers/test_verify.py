"""What must hold between the tables of a source: every fault planted by hand is found by the check that should."""

from __future__ import annotations

import dataclasses
import re

import pytest

from streaming_assets.contract import Field, GoldTable, ScalarType, SilverTable
from streaming_assets.engines.audits import CountAudit, GoldAudit
from streaming_assets.layers.findings import NAME_THE_KEYS, Finding, event_id_unique, gold_equals_recompute, reconciled
from streaming_assets.layers.scope import Choice
from streaming_assets.layers.verify import verify

AT = "2026-03-01T11:00:00Z"
TOTALS = GoldTable(
    name="totals",
    description="Events of each kind.",
    sql="SELECT kind, count(*) AS events FROM silver GROUP BY kind",
    columns=(Field(name="kind", type=ScalarType.STRING), Field(name="events", type=ScalarType.LONG)),
    keys=("kind",),
)
RIGHT = CountAudit(
    bronze=1_005, silver=1_002, quarantine=2, duplicates=1, lost=0,
    repeated_events=0, repeated_ids=0, in_both=0, without_bronze=0,
)  # fmt: skip


def changed(**counts):
    return dataclasses.replace(RIGHT, **counts)


@pytest.fixture
def lab(make_lab, make_source):
    """A refreshed lab with one Gold table: two events, one of them twice, and a record that does not fit."""
    lab = make_lab(make_source(gold=(TOTALS,)))
    lab.bronze({"id": "e", "at": AT, "kind": "a"}, {"id": "e", "at": AT, "kind": "a"}, b"x")
    lab.bronze({"id": "f", "at": AT, "kind": "b"})
    lab.refine()
    lab.aggregate()
    return lab


def findings(lab, choice=None):
    return list(verify(lab.source, lab.engine, choice=choice or Choice()))


def failed(lab, choice=None):
    return {f"{each.table}.{each.check}" for each in findings(lab, choice) if not each.passed}


def change(lab, layer, where, table=None, **cells):
    """Change cells behind the engine's back; values are SQL."""
    lab.open(layer, table)._delta.update(updates=cells, predicate=where)


def test_right_tables_pass_every_check(lab):
    """Of tables as the engine left them, every check passes and tells its numbers."""
    told = [(each.table, each.check, each.passed, each.found) for each in findings(lab)]
    assert told == [
        ("all", "batches", True, "bronze 2, silver 2, quarantine 2, gold.totals 2"),
        ("bronze", "offsets", True, "4 records; offsets: each once"),
        ("silver", "reconciled", True, "bronze 4 = silver 2 + quarantine 1 + duplicates 1"),
        ("silver", "event_id_unique", True, "each event once"),
        ("silver", "equals_recompute", True, "2 rows, 0 wrong; 4 records of bronze computed again"),
        ("quarantine", "equals_recompute", True, "1 rows, 0 wrong; 4 records of bronze computed again"),
        ("gold.totals", "equals_recompute", True, "2 rows, 0 missing, 0 unexpected"),
    ]
    assert [(each.examples, each.notes) for each in findings(lab)] == [((), ())] * 7


def test_the_readme_names_every_check(lab, request):
    """The table of checks in README.md has those of a whole `verify --deep`, no more and no less, in their order."""
    readme = (request.config.rootpath / "README.md").read_text("utf-8")
    named = re.findall(r"^\| `(\w+)`", readme.split("| check |")[1].split("\n\n")[0], re.MULTILINE)
    assert named == list(dict.fromkeys(each.check for each in findings(lab, Choice(deep=True))))


def test_tables_that_do_not_exist_pass(make_lab, make_source):
    """Before the first refresh nothing is wrong."""
    assert failed(make_lab(make_source(gold=(TOTALS,)))) == set()


def test_a_removed_bronze_row_is_found(lab):
    """Without a broker too: its batch has fewer rows than were written, and its Silver row comes from nowhere."""
    lab.delete("bronze", '"offset" = 3')
    assert failed(lab) == {"all.batches", "silver.reconciled"}


def test_a_removed_bronze_row_of_a_duplicate_is_found(lab):
    """A Bronze row that no other table has is missed by its batch."""
    lab.delete("bronze", '"offset" = 1')
    assert failed(lab) == {"all.batches"}


def test_a_doubled_bronze_row_is_found(lab):
    """A record that is in Bronze twice fails its batch, the offsets and the sum."""
    lab.plant("bronze", lab.rows("bronze")[:1])
    assert failed(lab) == {"all.batches", "bronze.offsets", "silver.reconciled"}


def test_changed_bytes_in_bronze_are_found(lab):
    """Where Bronze has other bytes than Silver was made of, the Silver row is wrong."""
    change(lab, "bronze", '"offset" = 3', value='\'{"at": "2026-03-01T11:00:00Z", "kind": "z", "id": "f"}\'')
    assert failed(lab) == {"silver.equals_recompute"}


@pytest.mark.parametrize(("layer", "column"), [("bronze", "ingested_date"), ("silver", "event_date")])
def test_a_row_in_the_partition_of_another_day_is_found(lab, layer, column):
    """A row that its table has under another day than its time fails, where what is chosen holds it."""
    change(lab, layer, '"offset" = 3', **{column: "date '2020-01-01'"})
    expected = {"bronze.offsets" if layer == "bronze" else "silver.equals_recompute"}
    second = lab.noon.replace(second=2)
    assert failed(lab) == failed(lab, Choice(since=second)) == failed(lab, Choice(share=0.01)) == expected
    assert failed(lab, Choice(until=second)) == set()


def test_a_topic_that_was_named_anew_is_no_fault(lab, make_lab):
    """Rows of the topic that Bronze was filled from are right where the plugin names another; gaps are unknown."""
    renamed = make_lab(dataclasses.replace(lab.source, topic=dataclasses.replace(lab.source.topic, name="shop-2")))
    assert failed(renamed) == set()
    (found,) = [each for each in findings(renamed) if each.check == "offsets"]
    assert found.found == "4 records; offsets: each once"
    assert found.notes == ("bronze was filled from topic shop-events, and the source names shop-2 now",)

    lab.delete("bronze", '"offset" = 1')
    (found,) = [each for each in findings(renamed) if each.check == "offsets"]
    assert (found.passed, found.found) == (True, "3 records; offsets: 1 unknown")
    why = "1 unknown, as topic shop-2 is another one than the one Bronze was filled from: partition 0: 1"
    assert found.notes[0] == why


def test_a_removed_silver_row_is_found(lab):
    """An event that is gone from Silver is lost, and what is computed from Silver differs."""
    lab.delete("silver", "event_id = 'f'")
    assert failed(lab) == {"silver.reconciled", "gold.totals.equals_recompute"}
    (finding,) = [each for each in findings(lab) if each.check == "reconciled"]
    assert finding.examples == ("lost: partition 0, offset 3",)


def test_a_doubled_silver_row_is_found(lab):
    """An event that is in Silver twice fails the sum, the check of ids, that of rows, and Gold."""
    lab.plant("silver", lab.rows("silver")[:1])
    expected = {"silver.reconciled", "silver.event_id_unique", "silver.equals_recompute"}
    assert failed(lab) == {*expected, "gold.totals.equals_recompute"}


def test_a_wrong_silver_cell_is_found(lab):
    """A cell that does not follow from Bronze is wrong, also where Gold does not read it."""
    change(lab, "silver", "event_id = 'f'", amount="7")
    assert failed(lab) == {"silver.equals_recompute"}


@pytest.mark.parametrize(("event_id", "batch"), [("e", 2), ("f", 1)])
def test_a_wrong_batch_of_a_silver_row_is_found(lab, event_id, batch):
    """A Silver row that says it came with another batch than its Bronze row is wrong."""
    change(lab, "silver", f"event_id = '{event_id}'", batch=str(batch))
    assert "silver.equals_recompute" in failed(lab)


def test_a_foreign_silver_row_is_found(lab):
    """A Silver row that no Bronze row brought is found, and what Gold lacks of it."""
    first, *_ = lab.rows("silver")
    lab.plant("silver", [{**first, "offset": 77, "event_id": "x"}])
    assert failed(lab) == {"silver.reconciled", "gold.totals.equals_recompute"}


def test_a_quarantined_record_in_silver_is_found(lab):
    """A record that is in quarantine and in Silver fails the sum, and its Silver row is wrong."""
    first, *_ = lab.rows("silver")
    lab.plant("silver", [{**first, "offset": 2, "event_id": "x"}])
    assert failed(lab) == {"silver.reconciled", "silver.equals_recompute", "gold.totals.equals_recompute"}


def test_a_removed_row_of_quarantine_is_found(lab):
    """A record that is gone from quarantine is lost."""
    lab.delete("quarantine", '"offset" = 2')
    assert failed(lab) == {"silver.reconciled"}


def test_a_doubled_row_of_quarantine_is_found(lab):
    """A record that is in quarantine twice fails the sum, and is wrong once."""
    lab.plant("quarantine", lab.rows("quarantine"))
    assert failed(lab) == {"silver.reconciled", "quarantine.equals_recompute"}


def test_a_wrong_reason_is_found(lab):
    """A reason that the record does not have is wrong."""
    change(lab, "quarantine", '"offset" = 2', reason="'not_utf8'")
    assert failed(lab) == {"quarantine.equals_recompute"}


@pytest.mark.parametrize("cell", [{"events": "2"}, {"kind": "'c'"}])
def test_a_wrong_gold_cell_is_found(lab, cell):
    """A Gold cell that does not follow from Silver fails the check of its table alone."""
    change(lab, "gold", "kind = 'b'", "totals", **cell)
    assert failed(lab) == {"gold.totals.equals_recompute"}


def test_a_missing_gold_row_is_found(lab):
    """A Gold row that somebody deleted is missing, and told by its key."""
    lab.delete("gold", "kind = 'b'", "totals")
    assert failed(lab) == {"gold.totals.equals_recompute"}
    assert findings(lab)[-1].examples == ("missing: kind b",)


def test_an_extra_gold_row_is_found(lab):
    """A Gold row that does not follow from Silver is unexpected."""
    lab.plant("gold", [{"kind": "c", "events": 1}], "totals")
    assert failed(lab) == {"gold.totals.equals_recompute"}


@pytest.mark.parametrize("layer", ["bronze", "silver", "quarantine"])
def test_a_row_beyond_the_last_batch_is_found(lab, layer):
    """A row that says it came after the last batch is found, in whichever table it lies."""
    change(lab, layer, '"offset" = 2' if layer == "quarantine" else '"offset" = 3', batch="99")
    assert "all.batches" in failed(lab)


def test_a_time_leaves_other_batches_out(lab):
    """A fault is found where the chosen time holds its batch, and not where it does not."""
    change(lab, "silver", "event_id = 'f'", amount="7")
    second = lab.noon.replace(second=2)
    assert failed(lab, Choice(since=second)) == {"silver.equals_recompute"}
    assert failed(lab, Choice(until=second)) == set()
    lab.delete("silver", "event_id = 'e'")
    assert failed(lab, Choice(until=second)) == {"silver.reconciled", "gold.totals.equals_recompute"}
    nothing = Choice(since=lab.noon.replace(hour=13))
    assert failed(lab, nothing) == {"gold.totals.equals_recompute"}  # it has no windows to choose from


def test_a_sample_of_few_rows_compares_them(lab):
    """However small the share, a fault among few rows is found: a sample that compares nothing would prove nothing."""
    change(lab, "silver", "event_id = 'f'", amount="7")
    assert failed(lab, Choice(share=0.000001)) == {"silver.equals_recompute"}


def test_an_outdated_table_is_told_as_outdated(lab, make_lab, make_source):
    """Rows of another definition than the present one are outdated and not wrong; what they lack is unknown."""
    columns = (Field(name="kind", type=ScalarType.STRING), Field(name="user", type=ScalarType.STRING, required=False),
               Field(name="amount", type=ScalarType.LONG, required=False))  # fmt: skip
    louder = SilverTable(sql="SELECT upper(kind) AS kind, user, amount FROM events", columns=columns)
    present = make_lab(make_source(gold=(TOTALS,), silver=louder))
    assert failed(present) == set()
    outdated = {each.table: each for each in findings(present) if each.found == "outdated, not compared"}
    assert set(outdated) == {"silver", "quarantine"}
    assert "refresh shop --rebuild silver" in outdated["silver"].notes[0]
    lab.delete("silver", "event_id = 'f'")
    (finding,) = [each for each in findings(present) if each.check == "reconciled"]
    assert (finding.passed, "unknown 1" in finding.found) == (True, True)


@pytest.mark.parametrize(
    ("audit", "passed", "found"),
    [
        (RIGHT, True, "bronze 1,005 = silver 1,002 + quarantine 2 + duplicates 1"),
        (changed(bronze=1_006, lost=1), False, "bronze 1,006 ≠ silver 1,002 + quarantine 2 + duplicates 1, 1 lost"),
        (changed(silver=1_003), False, "bronze 1,005 ≠ silver 1,003 + quarantine 2 + duplicates 1"),
        (
            changed(duplicates=0, lost=1, in_both=1, without_bronze=0),
            False,
            "bronze 1,005 ≠ silver 1,002 + quarantine 2 + duplicates 0, 1 lost, 1 in both silver and quarantine",
        ),
        (
            changed(lost=1, without_bronze=1, silver=1_003, duplicates=0),
            False,
            "bronze 1,005 = silver 1,003 + quarantine 2 + duplicates 0, 1 lost, 1 without a Bronze row",
        ),
    ],
)
def test_every_bronze_row_is_in_one_place(audit, passed, found):
    """The sum must hold and no row be out of place, and what is wrong is told; faults that even out are found, too."""
    finding = reconciled(audit, outdated=False)
    assert (finding.check, finding.table, finding.passed, finding.found) == ("reconciled", "silver", passed, found)


@pytest.mark.parametrize(("events", "ids", "passed"), [(0, 0, True), (0, 1, False), (1, 1, False)])
def test_ids_are_there_once(events, ids, passed):
    """One repeated id is too many, whether or not its times are the same."""
    assert event_id_unique(changed(repeated_events=events, repeated_ids=ids)).passed is passed


@pytest.mark.parametrize(
    ("counts", "passed", "more"),
    [({}, True, ""), ({"missing": 1}, False, ""), ({"unexpected": 1}, False, ""),
     ({"repeated_keys": 1}, False, ", 1 key more than once"), ({"repeated_keys": 2}, False, ", 2 keys more than once")],
)  # fmt: skip
def test_gold_rows_are_all_there_and_no_others(counts, passed, more):
    """One row that is missing, one too many, or a key that is there twice, is wrong."""
    numbers = {"rows": 1_000, "missing": 0, "unexpected": 0, "repeated_keys": 0, **counts}
    found = f"1,000 rows, {numbers['missing']} missing, {numbers['unexpected']} unexpected{more}"
    notes = (NAME_THE_KEYS,) if more else ()
    expected = Finding("equals_recompute", "gold.totals", passed, found, notes=notes, numbers=numbers)
    assert expected == gold_equals_recompute(TOTALS, GoldAudit(table="totals", **numbers))
