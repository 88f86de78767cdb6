"""`verify`: what it finds, how it tells it to people and to programs, and what it leaves out."""

from __future__ import annotations

import json

import pytest
from confluent_kafka import Producer
from deltalake import DeltaTable

from streaming_assets.lake.lock import source_lock

EVENTS = [
    b'{"timestamp":"2024-05-01T10:0%d:00Z","event":"join","user_id":"ada","video_id":"v1","id":"%d"}' % (number, number)
    for number in range(8)
]
GOLD = ["events_by_type", "user_sessions", "video_activity"]


@pytest.fixture(scope="module")
def proper(filled_once, broker):
    """The command line after ten records of one partition were refreshed: eight events, one of them twice, rubbish."""
    filled_once.ok("refresh", "user_interactions")
    producer = Producer(broker.client_config())
    for value in [*EVENTS, EVENTS[0], b"rubbish"]:
        producer.produce("user_interactions", value, partition=0)
    assert producer.flush(30) == 0
    filled_once.ok("refresh", "user_interactions")
    return filled_once


@pytest.fixture
def refreshed(proper, copy_of):
    """The same with tables of its own."""
    return copy_of(proper)


def table(line, layer):
    return DeltaTable(str(line.lake / "user_interactions" / layer))


def failed(report):
    return {f"{each['table']} {each['check']}": each for each in report["findings"] if not each["passed"]}


def report_of(done):
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout)


def test_verify_waits_for_a_refresh(offline):
    """While a source is refreshed it is not verified: tables read one after the other would not belong together."""
    with source_lock(offline.home, "user_interactions", timeout=0):
        told = offline.fails("verify", STREAMING_ASSETS_LOCK_TIMEOUT_SECONDS="0")
    assert "TableBusy Another process is working on user_interactions." in told
    assert offline.json("verify")["passed"] is True


def test_what_can_not_be_verified_costs_no_other_source(offline):
    """A source that can't be verified is told by name among the errors, with its cause, and the others as ever."""
    with source_lock(offline.home, "user_interactions", timeout=0):
        done = offline.run("verify", "--json", STREAMING_ASSETS_LOCK_TIMEOUT_SECONDS="0")
    report = report_of(done)
    assert (done.returncode, report["passed"], report["findings"]) == (1, False, [])
    assert (report["without_tables"], [*report["errors"]]) == (["github_events"], ["user_interactions"])
    assert "Another process is working on user_interactions." in report["errors"]["user_interactions"]
    assert offline.json("verify")["errors"] == {}


def test_what_has_no_tables_is_said_first(offline):
    """Where there is nothing to verify it is said at once, with the way to tables, and nothing is ticked or held."""
    shown = offline.ok("verify")
    first, *_ = shown.splitlines()
    assert first.startswith("github_events has no tables in ")
    assert "`streaming-assets refresh github_events` makes them" in first
    assert [word for word in ("✓", "Everything holds", "Left out") if word in shown] == []
    report = offline.json("verify")
    assert (report["findings"], report["without_tables"]) == ([], ["github_events", "user_interactions"])


def test_verify_starts_no_broker(offline):
    """Where no broker runs the tables are verified all the same, and none is started."""
    assert offline.json("verify", "--deep")["passed"] is True
    assert not (offline.home / "kafka").exists()


@pytest.mark.broker
def test_right_tables_are_proved(refreshed):
    """Of right tables every check passes, with its numbers, and the table for people fits 80 columns."""
    report = refreshed.json("verify", "user_interactions", "--deep")
    assert (report["passed"], report["left_out"]) == (True, [])
    assert [(each["table"], each["check"]) for each in report["findings"]] == [
        ("all", "batches"),
        ("bronze", "offsets"),
        ("bronze", "same_bytes"),
        ("silver", "reconciled"),
        ("silver", "event_id_unique"),
        ("silver", "equals_recompute"),
        ("quarantine", "equals_recompute"),
        *((f"gold.{name}", "equals_recompute") for name in GOLD),
    ]
    assert {each["check"]: each["numbers"] for each in report["findings"]}["same_bytes"] == {
        "compared": 10,
        "differing": 0,
    }
    shown = refreshed.ok("verify", "user_interactions")
    assert max(map(len, shown.splitlines())) <= 80
    assert "Everything holds." in shown
    assert "Left out: comparison of bytes with Kafka (use --deep)" in shown
    assert "each event once" in " ".join(shown.split())


@pytest.mark.broker
def test_a_lost_row_is_told_with_its_place(refreshed):
    """A Bronze row that is gone is read back from Kafka: exit code 1, and partition and offset to look it up."""
    table(refreshed, "bronze").delete('"offset" = 3')
    done = refreshed.run("verify", "user_interactions", "--json")
    wrong = failed(report_of(done))
    assert (done.returncode, set(wrong)) == (1, {"all batches", "bronze offsets", "silver reconciled"})
    assert wrong["bronze offsets"]["numbers"]["lost"] == 1
    assert wrong["bronze offsets"]["examples"] == ["lost: partition 0: 3"]

    done = refreshed.run("verify", "user_interactions")
    assert done.returncode == 1
    assert "3 of 9 checks failed." in done.stdout
    assert "bronze offsets: lost: partition 0: 3" in done.stdout


@pytest.mark.broker
def test_without_its_broker_a_gap_is_unknown(refreshed):
    """Without a broker a gap is told as unknown, which is no breach of its own."""
    table(refreshed, "bronze").delete('"offset" = 8')  # the repeated event, which no other table has
    nowhere = {"STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS": ""}
    done = refreshed.run("verify", "user_interactions", "--json", **nowhere)
    report = report_of(done)
    (offsets,) = [each for each in report["findings"] if each["check"] == "offsets"]
    assert (offsets["passed"], offsets["numbers"]["unknown"]) == (True, 1)
    assert set(failed(report)) == {"all batches"}
    shown = refreshed.run("verify", "user_interactions", **nowhere).stdout
    assert "1 unknown, as no broker is running (`streaming-assets broker` starts one): partition 0: 8" in " ".join(
        shown.split()
    )


@pytest.mark.broker
def test_a_lost_event_is_found(refreshed):
    """After one row was deleted from Silver the exit code is 1, and the findings that fail say what is lost."""
    table(refreshed, "silver").delete("event_id = '3'")
    done = refreshed.run("verify", "--json")
    wrong = failed(report_of(done))
    assert done.returncode == 1
    assert wrong["silver reconciled"]["found"].endswith("1 lost")
    assert wrong["silver reconciled"]["examples"] == ["lost: partition 0, offset 3"]
    assert "gold.events_by_type equals_recompute" in wrong


@pytest.mark.broker
def test_a_time_and_a_sample_leave_out(refreshed):
    """What a time and a sample leave out is not verified, and told."""
    table(refreshed, "silver").update(updates={"video_id": "'v2'"}, predicate="event_id = '3'")
    assert refreshed.run("verify", "user_interactions", "--since", "1h").returncode == 1
    assert refreshed.run("verify", "user_interactions", "--until", "2020-01-01T00:00:00+02:00").returncode == 0
    done = refreshed.run("verify", "user_interactions", "--until", "1h", "--sample", "0.5", "--json")
    report = report_of(done)
    assert failed(report) == {}
    assert [text.split(" ")[0] for text in report["left_out"]] == ["what", "row", "comparison"]


@pytest.mark.parametrize(
    "arguments",
    [("--since", "yesterday"), ("--since", "2026-03-01T12:00:00"), ("--until", "2 h"), ("--sample", "0"),
     ("--sample", "1.5"), ("--sample", "nan"), ("--sample", "0.0000004"), ("--sample", "half")],
)  # fmt: skip
def test_wrong_options_are_told(offline, arguments):
    """An option that can't be understood ends the command before anything is read, and says what is expected."""
    done = offline.run("verify", *arguments)
    assert done.returncode == 2
    assert f"Invalid value for '{arguments[0]}'" in done.stderr
    assert not offline.home.exists()


def test_a_time_that_holds_nothing_is_refused(offline):
    """An end that is not after the beginning would verify nothing, and pass."""
    done = offline.run("verify", "--since", "1h", "--until", "2h")
    assert done.returncode == 2
    assert "no time lies between --since and --until" in done.stderr
