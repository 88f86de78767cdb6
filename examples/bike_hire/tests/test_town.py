from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from random import Random

import pytest
from streaming_assets_bike_hire.log_file import LogFile
from streaming_assets_bike_hire.producer import create_producer
from streaming_assets_bike_hire.schema import SCHEMA
from streaming_assets_bike_hire.town import BATCH_EVENTS, HISTORY_SECONDS, Town, TownProducer

from streaming_assets.errors import SettingsError
from streaming_assets.fitting import Fit, Fitter, Misfit

NOW = 1_767_268_800.0
FITTER = Fitter(SCHEMA)


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def town(clock, *, rides_per_minute=6.0, chance=1):
    """A town of which everything is known."""
    return TownProducer(rides_per_minute=rides_per_minute, clock=clock, chance=Random(chance))  # noqa: S311 - no secret


def run(clock, seconds, **how):
    """All values of a town's first batch and of some seconds after it."""
    producer = town(clock, **how)
    values = [event.value for event in producer.next_batch().events]
    clock.now += seconds
    while True:
        batch = producer.next_batch()
        values += [event.value for event in batch.events]
        if batch.poll_after:
            return values


def fit(value):
    """Whether a value fits, as the framework decides it."""
    return FITTER.fit(value, datetime.fromtimestamp(NOW + 86400, UTC))


def test_the_same_chance_and_clock_make_the_same_events():
    """Two towns agree in every byte, and another chance makes another town."""
    assert run(Clock(), 60) == run(Clock(), 60) != run(Clock(), 60, chance=2)


def test_the_first_batch_holds_history():
    """The first batch reaches two hours back, in the order of time, and ends at the clock."""
    fits = [each for each in map(fit, run(Clock(), 0)) if isinstance(each, Fit)]
    times = [each.event_time.timestamp() for each in fits]
    assert times == sorted(times)
    assert (times[0] - (NOW - HISTORY_SECONDS), NOW - times[-1]) == (pytest.approx(0, abs=60), pytest.approx(0, abs=60))


def test_time_goes_on_by_the_clock():
    """Nothing happens while the clock stands still, and about two events a ride when it goes on."""
    clock = Clock()
    producer = town(clock)
    producer.next_batch()
    assert producer.next_batch().events == []
    clock.now += 600
    assert 60 < len(producer.next_batch().events) < 240


def test_a_lively_town_comes_in_batches():
    """One call gives no more than a full batch, and says that there is more."""
    batch = town(Clock(), rides_per_minute=200.0).next_batch()
    assert (len(batch.events), batch.poll_after) == (BATCH_EVENTS, 0)


def test_bikes_are_hired_where_they_stand():
    """Every bike is hired and returned in turn, taken where it was put, and served only where nobody rides it."""
    standing: dict[str, str | None] = {}
    kinds = Counter()
    for event in islice(Town(start=NOW, rides_per_minute=6.0, chance=Random(1)), 5000):  # noqa: S311 - no secret
        bike, station, kind = event["bike"]["id"], event["station"]["name"], event["kind"]
        if kind == "hire":
            assert standing.get(bike, station) == station
        else:
            assert (standing[bike] is None) == (kind == "return")
        standing[bike] = None if kind == "hire" else station
        kinds[kind] += 1
    assert kinds.keys() == {"hire", "return", "service"}


def test_some_events_reach_the_log_broken():
    """About one event in 300 is cut off, has a time in words, or a path that breaks off."""
    values = run(Clock(), 86400)
    misfits = [misfit for misfit in map(fit, values) if isinstance(misfit, Misfit)]
    assert 1 / 600 < len(misfits) / len(values) < 1 / 200
    assert {misfit.field for misfit in misfits} == {None, "$.at", "$.path"}


def test_options_choose_the_producer(tmp_path):
    """A log that is named is followed, and an empty name is none."""
    assert isinstance(create_producer({"log": str(tmp_path / "hire.log")}), LogFile)
    assert isinstance(create_producer({"log": "", "rides_per_minute": "0.5"}), TownProducer)


@pytest.mark.parametrize("rides", ["0", "-1", "many", "inf", "nan", "1001"])
def test_options_are_checked_all_at_once(rides):
    """Every wrong option is a fault with its variable."""
    with pytest.raises(SettingsError) as caught:
        create_producer({"rides_per_minute": rides, "speed": "1"})
    assert {fault.where.removeprefix("STREAMING_ASSETS_BIKE_HIRE_") for fault in caught.value.faults} == {
        "RIDES_PER_MINUTE",
        "SPEED",
    }
