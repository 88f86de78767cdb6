from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from streaming_assets_user_interactions.delivery import LATE_SECONDS
from streaming_assets_user_interactions.options import load_options
from streaming_assets_user_interactions.producer import BATCH_EVENTS, AudienceProducer, create_producer
from streaming_assets_user_interactions.schema import SCHEMA

from streaming_assets.errors import SettingsError
from streaming_assets.fitting import Fit, Fitter, Misfit

NOW = 1_700_000_000.0


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def make(clock=None, **options: str) -> AudienceProducer:
    return AudienceProducer(load_options(options), clock=clock or Clock())


def run(seconds: float, **options: str) -> list[bytes]:
    """The values of a first batch and of all that follow in some seconds of simulated time."""
    clock = Clock()
    producer = make(clock, **options)
    values = [event.value for event in producer.next_batch().events]
    clock.now += seconds
    while True:
        batch = producer.next_batch()
        values += [event.value for event in batch.events]
        if batch.poll_after:
            return values


def when(event: dict[str, str]) -> datetime:
    return datetime.fromisoformat(event["timestamp"])


@pytest.fixture(scope="module")
def events():
    """An hour and ten minutes of a faultless audience."""
    return [json.loads(value) for value in run(3600, faults="0")]


def test_the_same_seed_gives_the_same_events():
    """Two producers with equal options and clocks agree in every byte, and another seed gives other events."""
    assert run(30, seed="7") == run(30, seed="7")
    assert run(30, seed="7") != run(30, seed="8")


def test_the_calls_do_not_change_what_happens():
    """One call after a minute gives what sixty calls, one each second, give."""
    clock = Clock()
    producer = make(clock)
    often = [event.value for event in producer.next_batch().events]
    for _ in range(60):
        clock.now += 1
        often += [event.value for event in producer.next_batch().events]
    assert often == run(60)


def test_the_first_batch_holds_history():
    """The first batch reaches ten minutes back, with every kind of event in it, and ends at the clock."""
    batch = make(faults="0").next_batch()
    history = [json.loads(event.value) for event in batch.events]
    start, end = (datetime.fromtimestamp(NOW - ago, UTC) for ago in (600, 0))
    assert start <= when(history[0]) < start + timedelta(seconds=5)
    assert end - timedelta(seconds=5) < when(history[-1]) <= end
    assert {event["event"] for event in history} == {"join", "leave", "message", "like", "share", "viewers_count"}
    assert batch.poll_after == 0.5


def test_nothing_is_due_while_the_clock_stands_still_or_goes_back():
    """A second call at the same or an earlier time gives an empty batch."""
    clock = Clock()
    producer = make(clock)
    producer.next_batch()
    assert producer.next_batch().events == []
    clock.now -= 100
    assert producer.next_batch().events == []


@pytest.mark.parametrize("rate", [1, 20, 300])
def test_the_rate_is_kept_on_average(rate):
    """Ten minutes bring as many events as the rate says, within four standard deviations of chance."""
    clock = Clock()
    producer = make(clock, rate=str(rate), faults="0")
    producer.next_batch()
    clock.now += 600
    received = 0
    while True:
        batch = producer.next_batch()
        received += len(batch.events)
        if batch.poll_after:
            break
    assert abs(received - 600 * rate) <= 4 * (600 * rate) ** 0.5


def test_a_batch_is_bounded_and_the_rest_follows_at_once():
    """After a long pause no batch is larger than the limit, and the next may be asked for without waiting."""
    clock = Clock()
    producer = make(clock)
    producer.next_batch()
    clock.now += 3600
    batch = producer.next_batch()
    assert (len(batch.events), batch.poll_after) == (BATCH_EVENTS, 0.0)


def test_nobody_acts_without_having_joined(events):
    """Joins come before everything else a viewer does, leaves end it, and nobody watches two videos at once."""
    watching: dict[str, str] = {}
    for event in events:
        user, video = event.get("user_id"), event["video_id"]
        match event["event"]:
            case "viewers_count":
                assert user is None
                assert int(event["payload"]) == sum(seen == video for seen in watching.values())
            case "join":
                assert user not in watching
                watching[user] = video
            case "leave":
                assert watching.pop(user) == video
            case _:
                assert watching[user] == video


def test_streams_start_and_end_and_viewers_come_back(events):
    """Within an hour more videos are seen than run at once, and somebody joins a second time."""
    assert len({event["video_id"] for event in events}) > 5
    assert max(Counter(event["user_id"] for event in events if event["event"] == "join").values()) > 1


def test_chat_comes_in_bursts(events):
    """The busiest minute of a video has several times the messages of its average minute."""
    minutes = Counter(
        (event["video_id"], when(event).astimezone(UTC).replace(second=0, microsecond=0))
        for event in events
        if event["event"] == "message"
    )
    assert max(minutes.values()) > 3 * sum(minutes.values()) / len(minutes)


def test_events_come_in_the_order_of_their_time(events):
    """Without faults event times never go back, though clients write them with different offsets."""
    times = [when(event) for event in events]
    assert times == sorted(times)
    assert len({time.utcoffset() for time in times}) > 1


def test_every_event_fits_the_schema():
    """Without faults every kind of event fits, counts come as number and as text, and some events carry an id."""
    values = run(600, faults="0")
    fitter = Fitter(SCHEMA)
    assert [value for value in values if not isinstance(fitter.fit(value, datetime.fromtimestamp(NOW, UTC)), Fit)] == []
    parsed = [json.loads(value) for value in values]
    assert {type(event["payload"]) for event in parsed if event["event"] == "viewers_count"} == {int, str}
    assert {"id" in event for event in parsed if event["event"] == "message"} == {True, False}


def test_ids_differ_between_events_and_between_runs():
    """No two events share an id, and a run that starts later shares none with an earlier one of the same seed."""
    later = Clock()
    later.now += 1
    runs = [make(faults="0"), make(later, faults="0")]
    ids = [
        event["id"]
        for producer in runs
        for event in (json.loads(sent.value) for sent in producer.next_batch().events)
        if "id" in event
    ]
    assert len(ids) == len(set(ids))


def test_the_share_of_faults_is_kept():
    """With a share of 3 %, repeats, late and malformed events together are 3 % of all, within chance."""
    values = run(3600, faults="0.03")
    fitter = Fitter(SCHEMA)
    fits = [fitter.fit(value, datetime.fromtimestamp(NOW + 3600, UTC)) for value in values]
    malformed = sum(isinstance(fit, Misfit) for fit in fits)
    good = [fit for fit in fits if isinstance(fit, Fit)]
    repeated = sum(count - 1 for count in Counter(fit.event_id for fit in good if fit.event_id).values())
    newest, held_up = good[0].event_time, 0
    for fit in good:
        held_up += fit.event_time < newest
        newest = max(newest, fit.event_time)
    # A repeat is held up, too, so late events and repeats are what came after something newer.
    assert min(malformed, repeated, held_up - repeated) > 0
    share = 0.03 * len(values)
    chance = 4 * share**0.5
    still_held_up = 0.03 * 20 * LATE_SECONDS[1]
    assert share - chance - still_held_up <= malformed + held_up <= share + chance
    assert abs(malformed - share / 3) <= chance


def test_malformed_records_break_in_different_ways():
    """Cut-off JSON, missing video, missing user, a time without zone and a count in words all occur."""
    fitter = Fitter(SCHEMA)
    seen_at = datetime.fromtimestamp(NOW + 600, UTC)
    fits = [fitter.fit(value, seen_at) for value in run(600, faults="0.2")]
    assert {fit.field for fit in fits if isinstance(fit, Misfit)} == {
        None,
        "$.video_id",
        "$.user_id",
        "$.timestamp",
        "$.payload",
    }


def test_a_tiny_audience_works():
    """One viewer and more videos than viewers still give valid events."""
    values = run(60, viewers="1", videos="3", faults="0")
    assert {json.loads(value)["event"] for value in values} >= {"join", "viewers_count"}


def test_options_are_checked_all_at_once():
    """Every wrong option is a fault with its variable."""
    wrong = {"seed": "x", "rate": "0", "videos": "0", "viewers": "-1", "faults": "2", "speed": "1"}
    with pytest.raises(SettingsError) as caught:
        create_producer(wrong)
    prefix = "STREAMING_ASSETS_USER_INTERACTIONS_"
    assert {fault.where for fault in caught.value.faults} == {prefix + name.upper() for name in wrong}


def test_close_ends_the_audience():
    """A producer made from plain options can be closed, as the framework does."""
    producer = create_producer({"rate": "5"})
    assert producer.next_batch().events
    producer.close()
