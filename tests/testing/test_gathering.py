"""What a producer does wrong is found by asking it for events."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from multiprocessing.pool import ThreadPool

import pytest

from streaming_assets.contract import Batch, Event
from streaming_assets.errors import NotConforming
from streaming_assets.testing import gathering, watching
from streaming_assets.testing.checks.producer import check_producer


class Producing:
    """A producer whose `next_batch` is a function."""

    def __init__(self, ask, close=lambda: None):
        self.next_batch = ask
        self.close = close


def sleeping():
    from time import sleep as rest  # noqa: PLC0415 - under another name, as plugins do

    rest(0)  # waits


def waiting():
    with contextlib.suppress(queue.Empty):
        queue.Queue().get(timeout=1.0)  # waits


def joining():
    thread = threading.Thread(target=time.sleep, args=(1.0,))
    thread.start()
    thread.join()  # waits


def resting():
    async def rest():
        await asyncio.sleep(0.01)  # waits

    asyncio.run(rest())


def signalled():
    signal.sigtimedwait([], 1.0)  # waits


@pytest.mark.parametrize(
    ("wait", "found", "function"),
    [
        (sleeping, "called time.sleep in", "sleeping"),
        (waiting, "waited ", "waiting"),
        (joining, "waited ", "joining"),
        (resting, "called asyncio.sleep in", "resting.<locals>.rest"),
        (signalled, "waited ", "signalled"),
    ],
    ids=["sleep", "queue", "thread", "asyncio", "signal"],
)
def test_a_producer_that_waits_is_refused(subject_of, shop, wait, found, function):
    """Sleeping, and waiting for a queue, a thread or a signal, are found, with file and line."""

    def ask():
        wait()
        return Batch(events=shop.sales(), poll_after=None)

    with pytest.raises(NotConforming, match="does what no producer may do") as caught:
        check_producer(subject_of(producer=lambda _options: Producing(ask)))
    lines, first = inspect.getsourcelines(wait)
    line = first + next(number for number, text in enumerate(lines) if "# waits" in text)
    assert found in caught.value.found
    assert f"in test_gathering.py:{line} ({function})" in caught.value.found


def of_a_process():
    subprocess.run([sys.executable, "-c", "import time; time.sleep(1)"], check=True)


def of_a_socket():
    one, other = socket.socketpair()
    with one, other:
        one.settimeout(1)
        with contextlib.suppress(TimeoutError):
            one.recv(1)


def of_a_pipe():
    out, into = os.pipe()
    threading.Timer(1, os.write, (into, b"\n")).start()
    os.read(out, 1)
    os.close(out)
    os.close(into)


def of_a_pool():
    with ThreadPoolExecutor() as pool:
        pool.submit(time.sleep, 1).result()


def of_an_older_pool():
    with ThreadPool(1) as pool:
        pool.apply(time.sleep, (1,))


WAITS = [of_a_process, of_a_socket, of_a_pipe, of_a_pool, of_an_older_pool]


@pytest.mark.parametrize("wait", WAITS, ids=lambda wait: wait.__name__)
@pytest.mark.parametrize("patience", [0.3, 100.0], ids=["late", "in time"])
def test_an_answer_may_take_its_time(subject_of, shop, monkeypatch, wait, patience):
    """What answers late - a process, a server, a pipe, a pool that asks servers - is a wait, and in time is none."""
    monkeypatch.setattr(watching, "_ANSWER_SECONDS", patience)

    def ask():
        wait()
        return Batch(events=shop.sales(), poll_after=None)

    subject = subject_of(producer=lambda _options: Producing(ask))
    if patience > 1:
        assert check_producer(subject) is None
    else:
        with pytest.raises(NotConforming, match=r"next_batch\(\) waited .* seconds by") as caught:
            check_producer(subject)
        assert f"({wait.__name__})" in caught.value.found


def test_a_process_may_have_a_limit_of_time(subject_of, shop):
    """Waiting for another process is no sleep, though Python sleeps in it where the process may take a limited time."""

    def ask():
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.2)"], check=True, timeout=60)
        return Batch(events=shop.sales(), poll_after=None)

    assert check_producer(subject_of(producer=lambda _options: Producing(ask))) is None


def test_threads_that_keep_a_program_from_ending_are_refused(subject_of, shop):
    """A thread that goes on after `close` is told with its place, and one of a pool, which Python ends, is not."""
    released, pool = threading.Event(), ThreadPoolExecutor()

    def ask():
        threading.Thread(target=released.wait, name="reader").start()
        pool.submit(int)
        return Batch(events=shop.sales(), poll_after=None)

    with pytest.raises(NotConforming, match="does what no producer may do") as caught:
        check_producer(subject_of(producer=lambda _options: Producing(ask)))
    released.set()
    pool.shutdown()
    assert caught.value.found.count("\n") == 0
    assert "close() left the thread 'reader' running" in caught.value.found


def test_threads_that_are_made_daemons_before_they_start_pass(subject_of, shop):
    """A thread that is told to be a daemon after it was made, as timers have to be, keeps no program from ending."""

    def ask():
        timer = threading.Timer(600, print)
        timer.daemon = True
        timer.start()
        return Batch(events=shop.sales(), poll_after=None)

    subject = subject_of(producer=lambda _options: Producing(ask))
    assert check_producer(subject) is None


def test_events_may_be_any_sequence(subject_of, shop):
    """Events in a deque, which is a sequence that can't be sliced, are as good as in a list."""
    events = shop.sales()
    subject = subject_of(producer=lambda _options: Producing(lambda: Batch(events=deque(events), poll_after=None)))
    assert check_producer(subject) is None
    assert subject.gathered.events == events


@pytest.mark.parametrize("moment", ["factory", "close"])
def test_a_producer_that_can_live_only_once_is_refused(subject_of, shop, moment):
    """After the first producer another one is made, and closed before it is asked for events."""
    lives = []

    def close():
        if moment == "close" and len(lives) > 1:
            raise ValueError("nothing is open")

    def make(_options):
        lives.append(True)
        if moment == "factory" and len(lives) > 1:
            raise ValueError("in use")
        return Producing(lambda: Batch(events=shop.sales(), poll_after=None), close)

    with pytest.raises(NotConforming, match="does what no producer may do") as caught:
        check_producer(subject_of(producer=make))
    expected = {
        "factory": "the factory, called again after close(), raised ValueError: in use",
        "close": "close(), of a producer that was not asked for events, raised ValueError: nothing is open",
    }
    assert expected[moment] in caught.value.found


@pytest.mark.parametrize("emptied", [True, False])
def test_a_list_that_grows_is_refused(subject_of, shop, emptied):
    """A producer that fills one list further gives its events again and again; one that empties it before does not."""
    events, number = [], iter(range(10))

    def ask():
        if emptied:
            events.clear()
        events.extend(shop.sales(1, id=str(next(number))))
        return Batch(events=events, poll_after=None if events[-1].value.startswith(b'{"id": "9"') else 0.0)

    subject = subject_of(producer=lambda _options: Producing(ask))
    if emptied:
        assert check_producer(subject) is None
        assert len(subject.gathered.events) == 10
    else:
        with pytest.raises(NotConforming, match="does what no producer may do") as caught:
            check_producer(subject)
        assert "gave the 1 events of the call before once more" in caught.value.found


def test_a_producer_whose_threads_wait_passes(subject_of, shop):
    """A thread of the producer's own may sleep: `next_batch` gives what it has brought."""
    brought = queue.SimpleQueue()

    def bring():
        time.sleep(0.01)
        for event in shop.sales():
            brought.put(event)

    threading.Thread(target=bring, daemon=True).start()

    def ask():
        events = [brought.get_nowait() for _ in range(brought.qsize())]
        return Batch(events=events, poll_after=None if events else 0.01)

    assert check_producer(subject_of(producer=lambda _options: Producing(ask))) is None


@pytest.mark.parametrize("moment", ["factory", "next_batch", "close"])
def test_a_producer_that_hangs_is_refused(subject_of, shop, monkeypatch, moment):
    """Code that does not return is left to itself, and the place where it hangs is told."""
    monkeypatch.setattr(gathering, "_LONGEST_CALL_SECONDS", 0.3)
    released = threading.Event()

    def hang():
        while not released.is_set():
            sum(range(1000))

    def ask():
        if moment == "next_batch":
            hang()
        return Batch(events=shop.sales(), poll_after=None)

    def make(_options):
        if moment == "factory":
            hang()
        return Producing(ask, hang if moment == "close" else lambda: None)

    with pytest.raises(NotConforming, match="did not return within") as caught:
        check_producer(subject_of(producer=make))
    released.set()
    assert {"factory": "the factory", "next_batch": "next_batch()", "close": "close()"}[moment] in caught.value.found
    assert "test_gathering.py" in caught.value.found


@pytest.mark.parametrize(
    ("batch", "found"),
    [
        (["an event"], "instead of a Batch"),
        (None, "instead of a Batch"),
        (Batch(events=["text"], poll_after=None), "Batch.events[0]"),
        (Batch(events="text", poll_after=None), "instead of a sequence of Event"),
        (Batch(events=[Event(value="text")], poll_after=None), "Batch.events[0].value"),
        (Batch(events=[Event(value=b"", timestamp=datetime(2026, 1, 1))], poll_after=None), "a time with its zone"),  # noqa: DTZ001
        (Batch(events=[], poll_after=-1), "Batch.poll_after is -1"),
        (Batch(events=[], poll_after=float("nan")), "Batch.poll_after is nan"),
        (Batch(events=[], poll_after=None, note=5), "Batch.note is 5"),
    ],
    ids=["list", "nothing", "text as event", "text as events", "text as value", "naive time", "before", "nan", "note"],
)
def test_what_is_no_batch_is_refused(subject_of, batch, found):
    """What `next_batch` gives is checked down to the values of each event."""
    with pytest.raises(NotConforming, match="does what no producer may do") as caught:
        check_producer(subject_of(producer=lambda _options: Producing(lambda: batch)))
    assert found in caught.value.found


@pytest.mark.parametrize("moment", ["factory", "next_batch", "close"])
def test_a_producer_that_raises_is_refused(subject_of, shop, moment):
    """An exception is told with its text and place; SystemExit is one too."""

    def fail():
        raise SystemExit("out of order")

    def make(_options):
        if moment == "factory":
            fail()
        good = Batch(events=shop.sales(), poll_after=None)
        return Producing(fail if moment == "next_batch" else lambda: good, fail if moment == "close" else lambda: None)

    with pytest.raises(NotConforming, match="does what no producer may do") as caught:
        check_producer(subject_of(producer=make))
    assert "raised SystemExit: out of order, in test_gathering.py" in caught.value.found


def test_a_producer_without_events_is_refused(subject_of):
    """A producer that gives nothing is refused with its note, which may say why, and with what to do."""
    batch = Batch(events=[], poll_after=None, note="the server is closed")

    with pytest.raises(NotConforming, match="gave no event") as caught:
        check_producer(subject_of(producer=lambda _options: Producing(lambda: batch)))
    assert caught.value.found == "the server is closed"
    assert "producer_options" in caught.value.remedy


def test_a_producer_that_asks_for_too_much_time_is_told(subject_of):
    """A first event may come late, but not later than within half a minute: then how long was asked for is told."""
    batch = Batch(events=[], poll_after=60.0)

    with pytest.raises(NotConforming, match="gave no event") as caught:
        check_producer(subject_of(producer=lambda _options: Producing(lambda: batch)))
    assert caught.value.found == "it wants to be asked again after 60 seconds, too late"


def test_the_first_event_may_be_waited_for(subject_of, shop, monkeypatch):
    """A producer that has nothing yet is asked for longer than one that has given something."""
    monkeypatch.setattr(gathering, "_WAITING_SECONDS", 0.01)
    batches = iter([*[Batch(events=[], poll_after=0.02)] * 3, Batch(events=shop.sales(), poll_after=0.02)])

    subject = subject_of(producer=lambda _options: Producing(lambda: next(batches)))
    assert check_producer(subject) is None
    assert len(subject.gathered.events) == 60


def test_events_that_do_not_fit_are_refused(subject_of, shop):
    """Where no event fits the schema, the commonest reasons are told."""
    with pytest.raises(NotConforming, match="None of the 60 events") as caught:
        check_producer(subject_of(producer=shop.giving(shop.sales(shop=5))))
    assert caught.value.found.startswith(r"- 60 times wrong_type at $.shop:")


def test_a_producer_that_goes_on_for_ever_is_asked_long_enough(subject_of):
    """Of a producer without end, a thousand events are taken; it is closed, and so is the one after it."""
    closed = []
    numbers = iter(range(10**6))

    def ask():
        return Batch(events=[Event(value=b"%d" % next(numbers)) for _ in range(300)], poll_after=0.0)

    subject = subject_of(producer=lambda _options: Producing(ask, lambda: closed.append(True)))
    assert len(subject.gathered.events) == 1_000
    assert closed == [True, True]
