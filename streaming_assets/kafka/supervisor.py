"""The process that stops the broker once nobody uses it, even if whoever started it was killed.

It runs as a script, outside of the package, with the standard library only: it must stay small, and it must
not break when the program that started it is updated. Usage: `supervisor.py <order>`, the order being JSON:

    {"folder": "/…/kafka", "command": ["java", …], "bootstrap_servers": "127.0.0.1:…", "cluster_id": "…"}

Every process that uses the broker holds a shared `flock` on `users.lock`; the kernel lets go of it however that
process ends. Whoever gets the lock exclusively knows that there is no user, and keeps new ones waiting.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

USERS_LOCK = "users.lock"
STATE = "broker.json"

_LOOK_SECONDS = 0.2
_STOP_SECONDS = 30.0
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main() -> None:
    """Start the broker, detach, and watch over it until nobody uses it or it ends by itself."""
    order = json.loads(sys.argv[1])
    # The caller waits for this process only; its child belongs to nobody, so nobody has to reap it.
    started, tell = os.pipe()
    if os.fork():
        os.close(tell)
        sys.exit(0 if os.read(started, 1) else 1)
    os.close(started)
    asked_to_stop: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: asked_to_stop.append(received))
    java = _start(order)
    state = Path(order["folder"], STATE)
    try:
        _write_state(state, order, java)
        os.write(tell, b"+")
        os.close(tell)
        _wait_for_the_end(java, Path(order["folder"], USERS_LOCK), asked_to_stop)
    finally:
        _stop(java)
        state.unlink(missing_ok=True)


def _start(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        order["command"],
        stdin=subprocess.DEVNULL,
        cwd=order["folder"],
        env={**os.environ, "LC_ALL": "C.UTF-8"},  # Java takes the encoding of file names from it
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - there is one thread
    )


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _write_state(state: Path, order: dict[str, Any], java: subprocess.Popen[bytes]) -> None:
    new = state.with_suffix(".new")
    told = {name: order[name] for name in ("bootstrap_servers", "cluster_id")}
    new.write_text(json.dumps({"pid": java.pid, "supervisor": os.getpid(), **told, "ready": False}))
    new.replace(state)


def _wait_for_the_end(java: subprocess.Popen[bytes], users_lock: Path, asked_to_stop: list[int]) -> None:
    # The lock is kept until this process ends: a new user waits until the broker has stopped.
    users = os.open(users_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    while java.poll() is None and not asked_to_stop and not _nobody_left(users):
        time.sleep(_LOOK_SECONDS)


def _nobody_left(users: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _stop(java: subprocess.Popen[bytes]) -> None:
    java.terminate()
    try:
        java.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        java.kill()
        java.wait()


if __name__ == "__main__":
    main()
