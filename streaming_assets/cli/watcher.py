"""The process that ends a program, and all that it started, once whoever started it is gone.

It runs as a script, outside of the package, with the standard library only: it must be there at once, and must not
break when the program that started it is updated. Usage: `watcher.py <seconds> <command>…`, where standard input is
a pipe whose other end the starter alone has: the kernel closes it however the starter ends. The program has the
seconds to end in order. Where it ends by itself, the watcher ends with its exit code.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys

_LOOK_SECONDS = 0.2


def main() -> None:
    """Run the program until it ends, its starter is gone, or this process is asked to end."""
    seconds, *command = sys.argv[1:]
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: asked.append(received))
    # A group of its own: the program ends whole, and this process is not hit with it.
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    while program.poll() is None and not asked and not _starter_is_gone():
        pass
    _end(program, float(seconds))
    sys.exit(program.returncode if program.returncode >= 0 else 128 - program.returncode)


def _starter_is_gone() -> bool:
    return bool(select.select([sys.stdin], [], [], _LOOK_SECONDS)[0])  # nobody writes: it is the end of the pipe


def _end(program: subprocess.Popen[bytes], seconds: float) -> None:
    _signal(program, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(seconds)
    # Its own children may outlive it by a moment, or for ever.
    _signal(program, signal.SIGKILL)
    program.wait()


def _signal(program: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, number)


if __name__ == "__main__":
    main()
