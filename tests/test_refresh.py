"""Refreshes that are disturbed: by each other, by SIGKILL, by what happens to broker and topic."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter

import pytest

from streaming_assets.contract import Event
from streaming_assets.engines.factory import make_engine
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.topics import ensure_topic
from streaming_assets.layers.verify import verify
from streaming_assets.registry import load_sources
from streaming_assets.settings import load_settings

pytestmark = pytest.mark.broker

GOLD = ("events_per_type", "active_users_per_org", "top_repositories")


def event(number: int) -> bytes:
    """An event of the second `number` of a day."""
    return json.dumps(
        {
            "id": str(number),
            "type": ("PushEvent", "WatchEvent", "ForkEvent")[number % 3],
            "actor": {"id": number % 11, "login": f"user-{number % 11}"},
            "repo": {"id": number % 7, "name": f"owner-{number % 2}/repo-{number % 7}"},
            "public": True,
            "created_at": f"2024-05-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z",
        }
    ).encode()


def mixed(count: int) -> list[bytes]:
    """Events, of which every tenth comes twice and every twentieth is followed by rubbish."""
    values = []
    for number in range(count):
        values += [event(number)] * (2 if number % 10 == 0 else 1)
        values += [b"rubbish"] if number % 20 == 0 else []
    return values


def publish(connection, values) -> None:
    topic = load_sources().get("github_events").topic
    ensure_topic(connection, topic)
    with Publisher(connection, topic) as publisher:
        publisher.publish(Event(value=value) for value in values)


def check_tables(line, count: int) -> None:
    """Check that `mixed(count)` is in the tables: nothing lost, nothing twice, Gold as Python counts it."""
    bronze = line.rows("github_events/bronze")
    assert Counter(row["value"] for row in bronze) == Counter(mixed(count))
    assert max(Counter((row["partition"], row["offset"]) for row in bronze).values()) == 1
    assert Counter(row["event_id"] for row in line.rows("github_events/silver")) == Counter(map(str, range(count)))
    assert len(line.rows("github_events/quarantine")) == len(range(0, count, 20))
    counted = {row["repo_name"]: 0 for row in line.rows("github_events/gold/top_repositories")}
    for row in line.rows("github_events/gold/top_repositories"):
        counted[row["repo_name"]] += row["events"]
    expected = Counter(json.loads(event(number))["repo"]["name"] for number in range(count))
    assert counted == expected
    engine = make_engine(load_settings(home=line.home, lake=None), None)
    assert [finding for finding in verify(load_sources().get("github_events"), engine) if not finding.passed] == []
    engine.close()


def test_two_refreshes_at_once_share_the_work(broker, command_line):
    """Two processes of one home that refresh at the same time both succeed, and together bring every record once."""
    publish(broker, mixed(1_000))
    small = {"STREAMING_ASSETS_BATCH_RECORDS": "100"}
    refreshes = [command_line.start("refresh", "github_events", "--json", **small) for _ in range(2)]
    ended = [(*process.communicate(timeout=120), process.returncode) for process in refreshes]

    assert [code for _, _, code in ended] == [0, 0], ended
    assert sum(json.loads(out)[0]["bronze"] for out, _, _ in ended) == len(mixed(1_000))
    check_tables(command_line, 1_000)


def test_the_tables_fence_writers_that_share_no_lock(broker, command_line):
    """Of two homes with one lake, a writer that comes second is refused as a whole, and no row is there twice."""
    publish(broker, mixed(1_000))
    variables = {
        "STREAMING_ASSETS_BATCH_RECORDS": "100",
        "STREAMING_ASSETS_LAKE": str(command_line.lake),
    }
    refreshes = [
        command_line.start(
            "refresh", "github_events", STREAMING_ASSETS_HOME=str(command_line.folder / f"home-{number}"), **variables
        )
        for number in range(2)
    ]
    ended = [(*process.communicate(timeout=120), process.returncode) for process in refreshes]

    assert {code for _, _, code in ended} <= {0, 1}, ended
    assert all(code == 0 or "ConcurrentWrite" in err for _, err, code in ended), ended
    assert not any("Traceback" in err for _, err, _ in ended)
    command_line.ok("refresh", "github_events")
    check_tables(command_line, 1_000)


def test_nothing_new_is_no_commit(flow_factory):
    """A second refresh yields no step and leaves the version of every table as it was."""
    flow = flow_factory("github_events")
    flow.publish(mixed(50))
    assert flow.refresh() != []
    before = flow.versions()
    assert sorted(before) == sorted(["bronze", "quarantine", "silver", *(f"gold/{name}" for name in GOLD)])

    assert flow.refresh() == []
    assert flow.versions() == before


def test_refresh_of_an_empty_topic_makes_no_table(flow_factory):
    """Where nothing was ever published, a refresh yields nothing and creates no table."""
    flow = flow_factory("github_events")
    assert flow.refresh() == []
    assert flow.versions() == {}


def commits(line, table: str) -> int:
    return len(list((line.lake / "github_events" / table / "_delta_log").glob("*.json")))


def kill_after_commits(line, table: str, count: int) -> bool:
    """Start a refresh and kill it as soon as a table has so many more commits; tell whether it was still at work."""
    aim = commits(line, table) + count
    process = line.start("refresh", "github_events", STREAMING_ASSETS_BATCH_RECORDS="50")
    while commits(line, table) < aim and process.poll() is None:
        time.sleep(0.001)
    process.kill()
    return process.wait() == -signal.SIGKILL


def test_sigkill_at_any_stage_loses_and_repeats_nothing(broker, command_line):
    """Refreshes killed while they write Bronze, quarantine, Silver and Gold are made good by the next one."""
    publish(broker, mixed(800))
    stages = [("bronze", 2), ("bronze", 7), ("quarantine", 2), ("silver", 3), ("gold/events_per_type", 2)]
    killed = [kill_after_commits(command_line, table, count) for table, count in stages]
    assert killed.count(True) >= 4
    command_line.ok("refresh", "github_events")
    check_tables(command_line, 800)


@pytest.mark.long
@pytest.mark.usefixtures("broker")  # skips where there is no Java
def test_data_of_the_embedded_broker_outlives_it(offline, tmp_path):
    """What was produced before the broker stopped is refreshed after it was started again."""
    recorded = tmp_path / "recorded.ndjson"
    recorded.write_bytes(b"\n".join(mixed(100)))
    out = offline.ok("produce", "github_events", "--replay", recorded)
    assert out.startswith(f"delivered {len(mixed(100))} events to topic logs_raw")
    _wait_for(lambda: not (offline.home / "kafka" / "broker.json").exists())

    offline.ok("refresh", "github_events")
    check_tables(offline, 100)


def _wait_for(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_recreated_topic_is_refused(broker, command_line, delete_topics):
    """After the topic was deleted and created again a refresh ends with exit code 1, says so, and writes nothing."""
    publish(broker, mixed(20))
    command_line.ok("refresh", "github_events")
    bronze = command_line.rows("github_events/bronze")
    delete_topics()
    publish(broker, mixed(40))

    told = command_line.fails("refresh", "github_events")
    # --accept-loss is no way out here, and the way that is named works.
    assert command_line.fails("refresh", "github_events", "--accept-loss") == told
    assert told.startswith("TopicRecreated Topic logs_raw is not the one Bronze was filled from: it has another id. ")
    assert command_line.rows("github_events/bronze") == bronze

    folder = command_line.lake / "github_events"
    anew = f"`mv {folder} {folder}.before && streaming-assets refresh github_events`"
    assert anew in told
    folder.rename(f"{folder}.before")
    command_line.ok("refresh", "github_events")
    check_tables(command_line, 40)


def test_ctrl_c_ends_a_refresh_between_commits(broker, command_line):
    """A refresh that is interrupted leaves whole commits only and no stack trace, and the next one goes on."""
    publish(broker, mixed(500))
    process = command_line.start("refresh", "github_events", STREAMING_ASSETS_BATCH_RECORDS="50")
    while commits(command_line, "bronze") < 3 and process.poll() is None:
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in {0, 130}
    assert "Traceback" not in err
    command_line.ok("refresh", "github_events")
    check_tables(command_line, 500)
