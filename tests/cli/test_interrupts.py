"""Ctrl-C, at any moment: the command ends with exit code 130, and shows no stack trace."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

MASKED = """
import os, signal
try:
    os.kill(os.getpid(), signal.SIGINT)
    while True:
        pass
except KeyboardInterrupt:
    raise {error} from None
"""

LOST = """
import os, signal, time, weakref

class Thing:
    pass

def interrupted(_):
    os.kill(os.getpid(), signal.SIGINT)
    while True:
        pass

thing = Thing()
reference = weakref.ref(thing, interrupted)
del thing
time.sleep(600)
"""

PROGRAM = """
from streaming_assets import cli
begin = cli.note_interrupts
cli.note_interrupts = lambda: (begin(), print("ready", flush=True))
cli.main()
"""


@pytest.mark.parametrize("command", [["plugins", "list"], ["tables"], ["refresh"]])
@pytest.mark.parametrize("error", ["RuntimeError('Query interrupted')", "SystemError('result with an exception set')"])
def test_an_interrupt_that_a_library_masks(offline, command, error):
    """Where a library makes another error of the interrupt, the command goes no further, and starts no broker."""
    offline.install("masking", MASKED.format(error=error))
    done = offline.run(*command)
    assert (done.returncode, "Traceback" in done.stderr, offline.home.exists()) == (130, False, False), done.stderr


def test_an_interrupt_in_a_callback(offline):
    """Where the interrupt hits a callback that drops exceptions, the command ends all the same."""
    offline.install("losing", LOST)
    done = offline.run("tables")
    assert (done.returncode, "Traceback" in done.stderr) == (130, False), done.stderr


@pytest.mark.parametrize("hundredths", range(0, 100, 10))
def test_an_interrupt_at_any_moment(offline, hundredths):
    """While it imports, checks plugins, works or ends, an interrupted command shows no stack trace."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "verify"],
        cwd=offline.folder, env=offline.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    time.sleep(hundredths / 100)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    # Ended by the signal itself is 130 to a shell; 0, if it had ended before.
    assert process.returncode in {130, -signal.SIGINT, 0}
    assert "Traceback" not in told, told
