import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from streaming_assets.contract import Batch, Event
from streaming_assets.errors import DeliveryError, PluginError
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.pump import pump
from streaming_assets.kafka.topics import topic_state

pytestmark = pytest.mark.broker


class Script:
    """A producer that gives what it was told to, step by step; an exception is raised."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.closed = 0

    def next_batch(self):
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def close(self):
        self.closed += 1


def _batch(count, poll_after=0.0, note=None):
    return Batch(events=[Event(value=b"%d" % number) for number in range(count)], poll_after=poll_after, note=note)


def _stored(broker, topic):
    return sum(topic_state(broker, topic.name).high.values())


def _pump(broker, topic, producer, **choices):
    with Publisher(broker, topic) as publisher:
        return pump(producer, publisher, **{"stop": threading.Event(), **choices})


def test_everything_is_delivered_until_the_producer_has_no_more(broker, topic_factory):
    """Batches are published in turn; the one whose `poll_after` is None is the last."""
    topic, producer = topic_factory(), Script(_batch(3), _batch(0), _batch(2, None), _batch(9))
    assert _pump(broker, topic, producer) == 5
    assert (_stored(broker, topic), producer.closed) == (5, 1)


def test_limit_is_exact(broker, topic_factory):
    """A limit in the middle of a batch cuts it there, and the producer is not asked again."""
    topic, producer = topic_factory(), Script(_batch(1500), _batch(1500), _batch(1500))
    assert _pump(broker, topic, producer, limit=2001) == 2001
    assert (_stored(broker, topic), len(producer.steps)) == (2001, 1)


def test_limit_of_nothing_asks_for_nothing(broker, topic_factory):
    """With a limit of 0 the producer is closed without being asked."""
    producer = Script()
    assert _pump(broker, topic_factory(), producer, limit=0) == 0
    assert producer.closed == 1


def test_rate_bounds_events_per_second(broker, topic_factory):
    """At 200 events a second, 60 events take no less than 0.2 seconds: 20 at a time, at once, after 0.1 and 0.2."""
    begin = time.monotonic()
    assert _pump(broker, topic_factory(), Script(_batch(60, None)), rate=200) == 60
    assert time.monotonic() - begin >= 0.2


@pytest.mark.parametrize("rate", [float("inf"), float("nan"), 0.0, -1.0])
def test_rate_that_is_no_rate_is_refused(broker, topic_factory, rate):
    """A rate that is infinite, not a number, or not above 0 is told before the producer is asked."""
    producer = Script(_batch(1, None))
    with pytest.raises(ValueError, match=f"the rate is {rate}, not a finite number"):
        _pump(broker, topic_factory(), producer, rate=rate)
    assert len(producer.steps) == 1


def test_progress_has_the_count_and_the_note(broker, topic_factory):
    """Who watches hears what has been published so far and what the producer has to say."""
    told = []
    producer = Script(_batch(2, note="rate limit"), _batch(0, note="no answer"), _batch(1, None))
    _pump(broker, topic_factory(), producer, on_progress=lambda *news: told.append(news))
    expected = [(0, "rate limit"), (2, "rate limit"), (2, "no answer"), (2, None), (3, None)]
    assert expected == told


def test_stop_ends_a_long_wait(broker, topic_factory):
    """Setting `stop` ends the wait for the next poll, and what was accepted is there."""
    topic, stop = topic_factory(), threading.Event()
    threading.Timer(0.3, stop.set).start()
    assert _pump(broker, topic, Script(_batch(4, 3600.0)), stop=stop) == 4
    assert _stored(broker, topic) == 4


def test_failing_producer_is_blamed_after_its_events_are_delivered(broker, topic_factory):
    """An exception of a plugin becomes a PluginError that names the moment; events from before are not lost."""
    topic, producer = topic_factory(), Script(_batch(7), RuntimeError("boom"))
    with pytest.raises(PluginError, match=r"(?s)Script failed while asking it for events.*RuntimeError: boom"):
        _pump(broker, topic, producer)
    assert (_stored(broker, topic), producer.closed) == (7, 1)


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ([Event(value=b"x")], "list instead of Batch"),
        (Batch(events=iter(()), poll_after=None), "list_iterator|tuple_iterator"),
        (Batch(events=(), poll_after=float("nan")), "poll_after is nan"),
        (Batch(events=(), poll_after=float("inf")), "poll_after is inf"),
        (Batch(events=(), poll_after=-1.0), "poll_after is -1.0"),
        (Batch(events=(), poll_after="soon"), "while asking it for events"),
        (Batch(events=(), poll_after=None, note=7), "int instead of text"),
        (Batch(events=[Event(value="text")], poll_after=None), "str instead of bytes"),
        (Batch(events=["text"], poll_after=None), "while publishing its events"),
        (Batch(events=[Event(value=1)], poll_after=None), "while publishing its events"),
    ],
)
def test_what_a_producer_may_not_give_is_an_error_of_the_plugin(broker, topic_factory, step, text):
    """Anything but a batch of events is refused with what came instead."""
    with pytest.raises(PluginError, match=text):
        _pump(broker, topic_factory(), Script(step))


def test_producer_that_fails_to_close_is_blamed(broker, topic_factory):
    """An exception of `close` names that moment; everything was delivered."""

    class Stubborn(Script):
        def close(self):
            raise OSError("still open")

    topic = topic_factory()
    with pytest.raises(PluginError, match=r"(?s)while closing it.*still open"):
        _pump(broker, topic, Stubborn(_batch(3, None)))
    assert _stored(broker, topic) == 3


def test_events_that_kafka_refuses_end_it(broker, topic_factory):
    """A delivery that fails is raised, and not covered by asking the producer for more."""
    topic = topic_factory(config={"max.message.bytes": "1000"})
    producer = Script(Batch(events=[Event(value=os.urandom(5000))], poll_after=60.0), _batch(1))
    with pytest.raises(DeliveryError):
        _pump(broker, topic, producer)
    assert (len(producer.steps), producer.closed) == (1, 1)


ENDLESS = """
import signal, sys, threading
from streaming_assets.contract import Batch, Event, Topic
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.pump import pump

class Endless:
    calls = 0
    def next_batch(self):
        self.calls += 1
        if self.calls == 5:
            print("going", flush=True)
        return Batch(events=[Event(value=b"x" * 400)] * 5000, poll_after=0.0)
    def close(self):
        print("closed", flush=True)

stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
with Publisher(Connection(sys.argv[1]), Topic(name=sys.argv[2])) as publisher:
    print(pump(Endless(), publisher, stop=stop))
"""


def test_sigterm_loses_nothing_that_was_accepted(broker, topic_factory):
    """A process that publishes at full speed and gets SIGTERM says how many it delivered, and so many are there."""
    topic = topic_factory()
    command = [sys.executable, "-c", ENDLESS, broker.bootstrap_servers, topic.name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "going\n"
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGTERM)
        closed, delivered = process.communicate(timeout=60)[0].splitlines()
    assert (process.returncode, closed) == (0, "closed")
    assert int(delivered) >= 20_000
    assert int(delivered) == _stored(broker, topic)
