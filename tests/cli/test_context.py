"""What commands have in common: how they are stopped."""

from __future__ import annotations

import signal

import pytest

from streaming_assets.cli.context import stopping

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_sets_the_event(number):
    """Ctrl-C, a request to end and a terminal that closes are told to the work, and mean afterwards what they did."""
    before = {each: signal.getsignal(each) for each in SIGNALS}
    with stopping() as stop:
        assert not stop.is_set()
        signal.raise_signal(number)
        assert stop.wait(60)
    assert {each: signal.getsignal(each) for each in SIGNALS} == before


def test_nohup_is_respected():
    """Where a closed terminal is to be ignored, it is."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.wait(0.1)
    finally:
        signal.signal(signal.SIGHUP, before)
