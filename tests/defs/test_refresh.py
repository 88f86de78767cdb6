from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from streaming_assets.kafka.broker import broker_address
from streaming_assets.settings import load_settings

pytestmark = pytest.mark.broker

DISTINCT = 190
REPEATED = 6
MALFORMED = (b"not json", b"{}", b'{"timestamp": "yesterday"}', b"[]")
TABLES = ("bronze", "silver", "quarantine", "gold/events_by_type", "gold/user_sessions", "gold/video_activity")


@pytest.fixture
def filled(lab, interaction):
    """A topic with 200 records: 190 events, 6 of them twice, 4 that do not fit."""
    events = [interaction(number) for number in range(DISTINCT)]
    lab.publish(*events, *events[:REPEATED], *MALFORMED)
    return lab


def told(result: dg.ExecuteInProcessResult) -> dict[str, Mapping[str, Any]]:
    """What each materialization says, by asset."""
    events = result.get_asset_materialization_events()
    return {
        "/".join(event.asset_key.path[1:]): {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in events
    }


def checks(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str | None]]:
    return {each.check_name: (each.passed, each.description) for each in result.get_asset_check_evaluations()}


def numbers(result: dg.ExecuteInProcessResult, name: str) -> dict[str, Any]:
    return {table: metadata.get(name) for table, metadata in told(result).items()}


def test_refresh_counts_rows(filled):
    """The materializations say how many rows each table has, as counted by hand from what was published."""
    result = filled.refresh()
    assert result.success
    # 190 seconds from noon on are four minutes; ten viewers never pause for 30 minutes; one video.
    assert numbers(result, "dagster/row_count") == {
        "bronze": 200,
        "silver": 190,
        "quarantine": 4,
        "gold/events_by_type": 4,
        "gold/user_sessions": 10,
        "gold/video_activity": 1,
    }
    assert numbers(result, "rows_added") == numbers(result, "dagster/row_count")


def test_refresh_says_what_it_did(filled):
    """Bronze says that no lag is left, and Silver how many records were duplicates or did not fit."""
    says = told(filled.refresh())
    assert (says["bronze"]["lag_after"], says["bronze"]["batch"], says["bronze"]["commits"]) == (0, 1, 1)
    assert {name: says["silver"][name] for name in ("records_read", "duplicates", "quarantined")} == {
        "records_read": 200,
        "duplicates": 6,
        "quarantined": 4,
    }
    assert sum(row.data["records"] for row in says["quarantine"]["reasons"].records) == 4


def test_refresh_checks_the_tables(filled):
    """Four checks run with a refresh, pass, and say the numbers they compared."""
    assert checks(filled.refresh()) == {
        "records_once": (True, "200 new rows, 0 records more than once"),
        "reconciled": (True, "bronze 200 = silver 190 + quarantine 4 + duplicates 6"),
        "event_id_unique": (True, "each event once"),
        "quarantine_share": (True, "4 of 200 records: 2.00%, where 5.00% is allowed"),
    }


def test_lag_is_observed_on_the_topic(filled):
    """A refresh notes on the topic's page that nothing is left to read."""
    filled.refresh()
    observed = filled.instance.fetch_observations(dg.AssetKey([filled.source.name, "topic"]), limit=1).records
    assert observed[0].asset_observation.metadata["lag"].value == 0


def test_second_refresh_adds_nothing(filled):
    """With nothing new in the topic a refresh is green, adds no row and makes no version."""
    first = filled.refresh()
    second = filled.refresh()
    assert second.success
    assert numbers(second, "rows_added") == dict.fromkeys(TABLES, 0)
    assert numbers(second, "table_version") == numbers(first, "table_version")
    assert numbers(second, "dagster/row_count") == numbers(first, "dagster/row_count")


def test_empty_topic_is_no_error(lab):
    """A refresh of a topic without records is green, and each table says plainly why it has no rows."""
    result = lab.refresh()
    assert result.success
    assert numbers(result, "dagster/row_count") == dict.fromkeys(TABLES, 0)
    assert {note.split(";")[0] for note in numbers(result, "note").values()} == {
        f"Topic {lab.source.topic.name} holds no events yet",
        "Bronze holds no records yet",
        "Silver holds no rows yet",
    }


def as_ours(filled, layer: str, *, batch: int | None = None) -> tuple[DeltaTable, CommitProperties]:
    """Open a table, and let a commit look like the framework's newest one, as a fault of ours would."""
    table = DeltaTable(str(filled.lake / layer))
    metadata = json.loads(table.history(1)[0]["userMetadata"])
    metadata["batch"] = batch or metadata["batch"]
    transaction = Transaction(f"streaming_assets/{filled.source.name}.{layer}", metadata["batch"])
    return table, CommitProperties({"userMetadata": json.dumps(metadata)}, app_transactions=[transaction])


def test_lost_rows_block_gold(filled):
    """Where Silver lost a row, a refresh that brings nothing counts all, says how many are lost, and blocks Gold."""
    filled.refresh()
    silver, properties = as_ours(filled, "silver")
    silver.delete("event_id = 'e100'", commit_properties=properties)
    result = filled.refresh()
    assert not result.success
    assert checks(result)["reconciled"] == (
        False,
        "bronze 200 ≠ silver 189 + quarantine 4 + duplicates 6, 1 lost",
    )
    assert list(told(result)) == ["bronze", "silver", "quarantine"]


def test_refresh_counts_what_it_brought(filled, interaction):
    """A refresh that brings an event counts the batch it came in, so its cost does not grow with what is stored."""
    filled.refresh()
    filled.publish(interaction(1000))
    result = filled.refresh()
    assert checks(result)["reconciled"] == (True, "bronze 1 = silver 1 + quarantine 0 + duplicates 0")


def test_repeated_records_block_silver(filled):
    """Where Bronze has records twice, the refresh fails before Silver reads them."""
    filled.refresh()
    bronze, properties = as_ours(filled, "bronze", batch=2)
    rows = bronze.to_pyarrow_table()
    twice = rows.slice(0, 3).set_column(rows.column_names.index("batch"), "batch", [[2, 2, 2]])
    write_deltalake(bronze, twice.cast(rows.schema), mode="append", commit_properties=properties)
    result = filled.refresh()
    assert not result.success
    assert checks(result) == {"records_once": (False, "3 new rows, 3 records more than once")}
    assert list(told(result)) == ["bronze"]


def test_too_large_a_quarantine_warns(lab, interaction):
    """More quarantined records than the settings allow are a warning, and block nothing."""
    lab.publish(*map(interaction, range(9)), b"not json")
    result = lab.refresh()
    (share,) = [each for each in result.get_asset_check_evaluations() if each.check_name == "quarantine_share"]
    assert (result.success, share.passed, share.severity) == (True, False, dg.AssetCheckSeverity.WARN)
    assert share.description == "1 of 10 records: 10.00%, where 5.00% is allowed"


def test_one_id_at_two_times_warns(lab, interaction):
    """Two events with one id and different times are both kept, and reported without blocking anything."""
    lab.publish(interaction(1), interaction(2).replace(b'"e2"', b'"e1"'))
    result = lab.refresh()
    assert (result.success, checks(result)["event_id_unique"]) == (True, (False, "1 id more than once"))


def test_another_topic_is_a_failure_with_a_remedy(filled, topic_factory):
    """A topic that Bronze was not filled from fails the run with what was found and what to do."""
    filled.refresh()
    moved = replace(filled, source=replace(filled.source, topic=topic_factory()))
    failure = moved.refresh().failure_data_for_node("user_interactions__bronze").user_failure_data
    assert failure.description.startswith(f"Topic {moved.source.topic.name} is not the one Bronze was filled from")
    assert set(failure.metadata) == {"Found", "Expected", "For the data", "What to do"}


def recompute(lab, table: str) -> dg.AssetCheckEvaluation:
    """Execute the check of a Gold table alone, as a person does on its page."""
    key = dg.AssetCheckKey(dg.AssetKey([lab.source.name, "gold", table]), "equals_recompute")
    job = lab.definitions.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(), asset_check_selection={key}
    )
    (evaluation,) = job.execute_in_process(instance=lab.instance).get_asset_check_evaluations()
    return evaluation


@pytest.mark.parametrize("table", ["events_by_type", "user_sessions", "video_activity"])
def test_gold_equals_its_recomputation(filled, interaction, table):
    """After two refreshes each Gold table passes the check that computes it again from all of Silver."""
    filled.refresh()
    filled.publish(*map(interaction, range(100, 300)))
    filled.refresh()
    assert recompute(filled, table).passed


def test_changed_gold_is_found(filled):
    """A Gold row that somebody deleted is found by the check that computes the table again."""
    filled.refresh()
    DeltaTable(str(filled.lake / "gold" / "events_by_type")).delete("events = 10")
    evaluation = recompute(filled, "events_by_type")
    assert (evaluation.passed, evaluation.description) == (False, "3 rows, 1 missing, 0 unexpected")


def test_everything_stored_can_be_verified(filled, interaction):
    """After two refreshes the job that verifies everything passes, and tells the numbers of all batches."""
    filled.refresh()
    filled.publish(interaction(1000))
    filled.refresh()
    found = filled.verify()
    gold = [f"gold/{table} equals_recompute" for table in ("events_by_type", "user_sessions", "video_activity")]
    assert {name: each.passed for name, each in found.items()} == dict.fromkeys(
        [
            "bronze offsets",
            "bronze batches",
            "silver all_reconciled",
            "silver all_event_ids_unique",
            "silver equals_recompute",
            "quarantine equals_recompute",
            *gold,
        ],
        True,
    )
    assert found["bronze offsets"].description == "201 records; offsets: each once"
    reconciled = found["silver all_reconciled"].description
    assert reconciled == "bronze 201 = silver 191 + quarantine 4 + duplicates 6"


def test_what_is_lost_is_told_with_its_place(filled):
    """A record that Bronze lost is read back from Kafka, and told by partition and offset."""
    filled.refresh()
    DeltaTable(str(filled.lake / "bronze")).delete('"partition" = 0 AND "offset" = 3')
    found = filled.verify()
    wrong = {"bronze offsets", "bronze batches", "silver all_reconciled"}
    assert {name for name, each in found.items() if not each.passed} == wrong
    assert found["bronze offsets"].metadata["lost"].value == 1
    assert found["bronze offsets"].metadata["where to look"].value == "lost: partition 0: 3"


def test_verifying_starts_no_broker(lab, tmp_path):
    """A run of the costly checks alone starts no broker where none runs."""
    alone = replace(lab, settings=load_settings(home=tmp_path / "alone", kafka_bootstrap_servers=None))
    assert all(each.passed for each in alone.verify().values())
    assert not (tmp_path / "alone" / "kafka").exists()


def test_run_without_a_broker_starts_one_and_stops_it(lab, tmp_path):
    """A run starts the broker of its home where none is configured and none runs, and leaves none behind."""
    alone = replace(lab, settings=load_settings(home=tmp_path / "alone", kafka_bootstrap_servers=None))
    assert (alone.refresh().success, (tmp_path / "alone" / "kafka").is_dir()) == (True, True)
    deadline = time.monotonic() + 60
    while broker_address(alone.settings) is not None and time.monotonic() < deadline:
        time.sleep(0.2)
    assert broker_address(alone.settings) is None


def test_maintenance_merges_files_and_changes_no_row(filled, interaction):
    """Maintenance leaves fewer files and the same rows, notes it on the tables' pages, and the next refresh goes on."""
    filled.refresh()
    filled.publish(interaction(1000))
    before = filled.refresh()
    assert filled.maintain().success
    noted = filled.instance.fetch_observations(dg.AssetKey([filled.source.name, "bronze"]), limit=1).records
    assert {name: value.value for name, value in noted[0].asset_observation.metadata.items()} == {
        "files_before": 2,
        "files_after": 1,
        "files_deleted": 0,
    }
    filled.publish(interaction(1001))
    after = filled.refresh()
    assert (numbers(before, "dagster/row_count")["bronze"], numbers(after, "dagster/row_count")["bronze"]) == (201, 202)
    assert all(passed for passed, _ in checks(after).values())


def test_maintenance_tells_of_a_table_that_others_changed(filled):
    """Where another writer changed a table, the run fails with that, and the table's log has nothing new."""
    filled.refresh()
    bronze = DeltaTable(str(filled.lake / "bronze"))
    bronze.delete('"offset" = 1')
    done = filled.maintain()
    (failed,) = [event for event in done.all_events if event.is_step_failure]
    assert "Another writer changed table" in str(failed.step_failure_data)
    assert DeltaTable(bronze.table_uri).version() == bronze.version()


def test_maintenance_of_nothing_is_no_error(lab):
    """Maintenance of a source without tables is green."""
    assert lab.maintain().success
