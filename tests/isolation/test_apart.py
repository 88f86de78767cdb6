"""Code of a plugin in a thread of its own: what comes back of it, and what happens where nothing does."""

from __future__ import annotations

import os
import sys
import threading
import time

import pytest

from streaming_assets.isolation import Apart, Escaped, Hung, Stopped
from streaming_assets.isolation import apart as module


@pytest.fixture
def apart():
    """Code of this file, apart."""
    apart = Apart("the code", __name__)
    yield apart
    apart.end()


def fail(error: BaseException):
    raise error


def test_what_the_code_returns_and_raises_comes_back(apart):
    """Who calls gets the result, or the exception itself."""
    error = ValueError("no luck")
    assert apart.call(lambda: 7) == 7
    with pytest.raises(ValueError, match="no luck") as raised:
        apart.call(lambda: fail(error))
    assert raised.value is error


def test_all_calls_are_made_in_one_thread(apart):
    """What the code opens in one call it may use in the next one, also where that belongs to its thread."""
    assert apart.call(threading.get_ident) == apart.call(threading.get_ident) != threading.get_ident()


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_what_would_end_the_process_is_an_error(apart, error):
    """An exception that `except Exception` would let pass arrives as one that it does not."""
    with pytest.raises(Escaped) as raised:
        apart.call(lambda: fail(error))
    assert raised.value.__cause__ is error


@pytest.mark.parametrize(("name", "arguments"), [("_exit", (3,)), ("abort", ())])
def test_calls_that_end_a_process_do_not(apart, name, arguments):
    """`os._exit` and `os.abort` are refused to the code, and named."""
    with pytest.raises(Escaped, match=rf"os\.{name}\("):
        apart.call(lambda: getattr(os, name)(*arguments))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_that_the_code_forks_may_end(apart):
    """Only this process is kept from ending: a child that the code makes ends with the code that it chose."""

    def fork() -> int:
        child = os.fork()
        if child == 0:
            os._exit(7)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert apart.call(fork) == 7


def wait_for_ever():
    while True:
        time.sleep(0.01)


def compute_for_ever():
    number = 0
    while True:
        number += 1


def test_code_that_does_not_come_back_is_left_behind(apart):
    """After the limit the error says for how long and at which line; the next call works, and the loop has ended."""
    with pytest.raises(Hung, match=rf"no end after 0\.2 seconds, at {__file__}, line \d+"):
        apart.call(compute_for_ever, limit=0.2)
    (behind,) = [thread for thread in threading.enumerate() if thread.name == "the code"]
    assert apart.call(lambda: 7) == 7
    behind.join(60)
    assert not behind.is_alive()


def test_profiling_goes_on_beside_code_that_waits(apart):
    """Code that waits and is left behind keeps no profiler of another thread from working, as an exception would."""
    with pytest.raises(Hung):
        apart.call(threading.Event().wait, limit=0.2)
    seen = []
    sys.setprofile(lambda _frame, event, _function: seen.append(event))
    try:
        len([])
    finally:
        sys.setprofile(None)
    assert "c_call" in seen


def test_stop_ends_the_wait(apart):
    """Who is told to stop waits no longer, whatever the limit."""
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    with pytest.raises(Stopped):
        apart.call(wait_for_ever, stop=stop, limit=600)


def test_a_long_wait_is_told_once(apart, monkeypatch):
    """Whoever watches hears what is waited for and where it is, once, and the result comes all the same."""
    monkeypatch.setattr(module, "TOLD_SECONDS", 0.0)
    heard, told = threading.Event(), []

    def tell(text: str) -> None:
        told.append(text)
        heard.set()

    def wait_on() -> int:
        assert heard.wait(60)
        time.sleep(0.5)  # long enough to be told again
        return 7

    assert apart.call(wait_on, tell=tell) == 7
    (text,) = told
    assert text.startswith("the code has not come back for ")
    assert f"{__file__}, line" in text


def test_threads_that_the_code_starts_keep_no_process(apart):
    """A thread of the code is a daemon, so that it can't keep the process from ending."""
    assert apart.call(lambda: threading.Thread(target=wait_for_ever).daemon) is True


def test_a_deep_recursion_is_an_error(apart):
    """Python's limit holds in the thread as everywhere."""

    def deeper():
        return deeper()

    with pytest.raises(RecursionError):
        apart.call(deeper)
    assert sys.getrecursionlimit() < 10_000
