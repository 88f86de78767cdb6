"""What belongs to the whole process is put back after the code of a plugin."""

from __future__ import annotations

import gc
import io
import locale
import logging
import os
import signal
import socket
import sys
import time
import warnings

import pytest

from streaming_assets.isolation import keep_shared, kept_state


def mask() -> int:
    now = os.umask(0o022)
    os.umask(now)
    return now


def quiet_root() -> None:
    logging.getLogger().handlers.clear()
    logging.getLogger().setLevel(logging.CRITICAL)
    logging.disable(logging.CRITICAL)


def log_state() -> object:
    root = logging.getLogger()
    return list(root.handlers), root.level, root.manager.disable, logging.getLogger("a.b").disabled


CHANGES = {
    "working directory": (lambda: os.chdir("/"), os.getcwd),
    "a variable": (lambda: os.environ.update(PATH="/nowhere"), lambda: os.environ["PATH"]),
    "a variable taken away": (lambda: os.environ.pop("PATH"), lambda: os.environ.get("PATH")),
    "a setting of ours": (lambda: os.environ.update(STREAMING_ASSETS_LAKE="/x"), lambda: "/x" in os.environ.values()),
    "time zone": (lambda: (os.environ.update(TZ="Asia/Tokyo"), time.tzset()), lambda: time.tzname),
    "search path": (sys.path.clear, lambda: list(sys.path)),
    "standard output": (lambda: setattr(sys, "stdout", io.StringIO()), lambda: sys.stdout),
    "standard error": (lambda: setattr(sys, "stderr", None), lambda: sys.stderr),
    "hook for exceptions": (lambda: setattr(sys, "excepthook", print), lambda: sys.excepthook),
    "logging": (quiet_root, log_state),
    "a logger": (lambda: setattr(logging.getLogger("a.b"), "disabled", True), log_state),
    "warnings": (lambda: warnings.simplefilter("ignore"), lambda: list(warnings.filters)),
    "locale": (lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8"), lambda: locale.setlocale(locale.LC_ALL)),
    "alarm": (lambda: signal.alarm(600), lambda: signal.getitimer(signal.ITIMER_REAL)[0] > 300),
    "recursion": (lambda: sys.setrecursionlimit(50_000), sys.getrecursionlimit),
    "sockets": (lambda: socket.setdefaulttimeout(1), socket.getdefaulttimeout),
    "file modes": (lambda: os.umask(0o777), mask),
    "garbage": (gc.disable, gc.isenabled),
}


@pytest.fixture
def english():
    """The locale `C`, and then the one that was before: other tests read what processes write by it."""
    before = locale.setlocale(locale.LC_ALL)
    locale.setlocale(locale.LC_ALL, "C")
    yield
    locale.setlocale(locale.LC_ALL, before)
    time.tzset()


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize(("change", "look"), CHANGES.values(), ids=CHANGES)
def test_what_is_changed_is_put_back(change, look, monkeypatch):
    """Inside, the change is seen; afterwards all is as before, also where the code raises."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    logging.getLogger("a.b").disabled = False
    before = look()
    with pytest.raises(ValueError, match="no luck"), kept_state():  # noqa: PT012 - what is looked at lies in it
        change()
        assert look() != before
        raise ValueError("no luck")
    assert look() == before


def test_a_new_time_zone_is_taken_away(monkeypatch):
    """A time zone is all sources', so one that the code sets does not stay, also where none was set before."""
    monkeypatch.delenv("TZ", raising=False)
    time.tzset()
    before = time.tzname
    with kept_state():
        os.environ["TZ"] = "Asia/Tokyo"
        time.tzset()
        assert time.tzname == ("JST", "JST")
    assert ("TZ" in os.environ, time.tzname) == (False, before)


@pytest.fixture
def alarms():
    """The alarms that went off; afterwards none is set."""
    seen, before = [], signal.getsignal(signal.SIGALRM)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, lambda *_: seen.append(time.monotonic()))
    yield seen
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def wait_for(alarms, count):
    """Wait until so many alarms went off."""
    until = time.monotonic() + 30
    while len(alarms) < count and time.monotonic() < until:
        time.sleep(0.005)


@pytest.mark.timeout(method="thread")  # the other method has an alarm of its own
def test_an_alarm_goes_off_once(alarms):
    """An alarm that went off while the code ran does not go off again, however often the state is put back."""
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    restore = keep_shared()
    wait_for(alarms, 1)
    for _ in range(3):
        restore()
        time.sleep(0.01)
    assert len(alarms) == 1


@pytest.mark.timeout(method="thread")
def test_an_alarm_that_the_code_replaced_goes_off(alarms):
    """An alarm in whose place the code puts a later one goes off when it is due, or at once when it was."""
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    with kept_state():
        signal.setitimer(signal.ITIMER_REAL, 600)
        time.sleep(0.02)
    wait_for(alarms, 1)
    assert (len(alarms), signal.getitimer(signal.ITIMER_REAL)) == (1, (0, 0))


@pytest.mark.timeout(method="thread")
def test_an_alarm_that_repeats_goes_on(alarms):
    """An alarm that repeats does so afterwards, also where the code took it away."""
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    with kept_state():
        signal.setitimer(signal.ITIMER_REAL, 0)
    assert signal.getitimer(signal.ITIMER_REAL)[1] == pytest.approx(0.05)
    wait_for(alarms, 2)
    assert len(alarms) >= 2


@pytest.mark.parametrize("kind", [signal.ITIMER_VIRTUAL, signal.ITIMER_PROF])
def test_timers_of_processor_time_are_taken_away(kind):
    """A timer whose signal would end the process does not outlast the code that set it."""
    with kept_state():
        signal.setitimer(kind, 600)
    assert signal.getitimer(kind) == (0, 0)


def test_what_is_added_stays(monkeypatch, tmp_path):
    """A new variable, and a new folder to import from, may be needed later on; the folder comes after all others."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = list(sys.path)
    with kept_state():
        os.environ["A_PLUGINS_OWN"] = "1"
        sys.path.insert(0, str(tmp_path))
    assert os.environ.pop("A_PLUGINS_OWN") == "1"
    assert sys.path == [*before, str(tmp_path)]


def test_what_is_printed_goes_to_standard_error(capsys):
    """A line that the code prints is no result."""
    with kept_state():
        print("hello")  # noqa: T201 - it is what a plugin does
    assert capsys.readouterr() == ("", "hello\n")


def test_a_working_directory_that_is_gone_harms_nothing(tmp_path, monkeypatch):
    """Where the working directory was deleted, the code runs, and what else it changed is put back."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    before = sys.getrecursionlimit()
    with kept_state():
        sys.setrecursionlimit(50_000)
    assert sys.getrecursionlimit() == before
