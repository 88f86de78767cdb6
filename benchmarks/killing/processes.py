"""The processes of the kill test, all in one home: broker, producers, refreshes, Dagster runs, maintenance."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from killing.expected import PSEUDONYM_KEY
from killing.ledger import lines

PATIENCE_SECONDS = 900.0
"""How long anything may take before it counts as a fault."""

BATCH_RECORDS = 25
"""Small batches: a refresh makes several commits of each layer."""

_ROOT = Path(__file__).parents[2]


class Failure(Exception):
    """The kill test failed, or could not be carried out as it should."""


class Ended(Failure):
    """A process ended before it was killed, or otherwise than it should."""


def wait_for(what: str, condition: Callable[[], bool], *, pause: float = 0.02) -> None:
    """Wait until something holds.

    Raises:
        Failure: It does not in time.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {PATIENCE_SECONDS:.0f} seconds")
        time.sleep(pause)


class Process:
    """A process that was started, with its output in a file."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        """Start it in a session of its own."""
        self.command = command
        self.log = log
        with log.open("wb") as out:
            self._popen = subprocess.Popen(
                command,
                cwd=log.parent,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=out,
                start_new_session=True,
            )
        self.started = time.monotonic()

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._popen.poll()

    def has_open(self, name: str) -> bool:
        """Tell whether it has a file of that name open."""
        with contextlib.suppress(psutil.Error):
            return any(Path(file.path).name == name for file in psutil.Process(self._popen.pid).open_files())
        return False

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._popen.send_signal(number)

    def kill(self) -> None:
        """Kill it.

        Raises:
            Ended: It had ended before.
        """
        self._popen.kill()
        self.expect(-signal.SIGKILL)

    def expect(self, *codes: int) -> str:
        """Wait for its end; return what it wrote to standard output.

        Raises:
            Ended: It did not end, or not with one of these exit codes.
        """
        try:
            out, _ = self._popen.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise Ended(f"{self.name} did not end, expected {codes}: {self.told}") from None
        if self._popen.returncode not in codes:
            raise Ended(f"{self.name} ended with {self._popen.returncode} instead of {codes}: {self.told}")
        return out.decode()

    def end(self) -> None:
        """End it and all its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()

    @property
    def name(self) -> str:
        """The command, for people."""
        return " ".join(Path(part).name for part in self.command[1:])

    @property
    def told(self) -> str:
        """The end of what it wrote to standard error."""
        return self.log.read_text(errors="replace")[-4_000:]


class Home:
    """A home with a broker of its own, on one port for as long as it is there."""

    def __init__(self, folder: Path) -> None:
        """Choose a port; nothing is started."""
        self.folder = folder
        self.lake = folder / "lake"
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True)
        with contextlib.closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.bootstrap_servers = f"127.0.0.1:{port}"
        inherited = {name: each for name, each in os.environ.items() if not name.upper().startswith("STREAMING_ASSETS")}
        inherited.pop("PYTHONDONTWRITEBYTECODE", None)
        self._environment = {
            **inherited,
            "STREAMING_ASSETS_HOME": str(folder),
            "STREAMING_ASSETS_KAFKA_PORT": str(port),
            "STREAMING_ASSETS_PSEUDONYM_KEY": PSEUDONYM_KEY,
            "STREAMING_ASSETS_BATCH_RECORDS": str(BATCH_RECORDS),
            "STREAMING_ASSETS_THREADS": "1",
            "COLUMNS": "200",
            "DAGSTER_HOME": str(folder / "dagster"),
            "PYTHONPATH": os.pathsep.join([str(_ROOT), str(_ROOT / "benchmarks")]),
        }
        (folder / "dagster").mkdir()
        shutil.copy(_ROOT / "streaming_assets" / "defs" / "dagster.yaml", folder / "dagster")
        self._started: list[Process] = []

    def start(self, *command: str, fault: str = "") -> Process:
        """Start a Python program, with a fault point armed if one is named."""
        environment = {**self._environment, "STREAMING_ASSETS_FAULT": fault}
        log = self.logs / f"{len(self._started)}-{command[-1].rpartition('/')[2]}.log"
        self._started.append(Process([sys.executable, *command], environment, log))
        return self._started[-1]

    def command(self, *arguments: str, fault: str = "") -> Process:
        """Start a command of the command line."""
        return self.start("-m", "streaming_assets", *arguments, fault=fault)

    def refresh(self, source: str, *options: str, fault: str = "") -> Process:
        """Start a refresh by the command line."""
        return self.command("refresh", "--json", *options, source, fault=fault)

    def job(self, name: str, *, fault: str = "") -> Process:
        """Start a Dagster run of a job, in one process as Dagster's daemon runs it."""
        return self.start(
            "-m", "dagster", "job", "execute", "-m", "streaming_assets.definitions", "-j", name, fault=fault
        )

    def start_broker(self) -> Process:
        """Start the broker and wait until clients can reach it."""
        process = self.command("broker")
        wait_for("the broker", lambda: self._broker().get("ready", False) or process.code is not None)
        if process.code is not None:
            process.expect(0)
        return process

    def kill_broker(self) -> None:
        """Kill Java, and wait until it is gone."""
        java = psutil.Process(self._broker()["pid"])
        java.kill()
        wait_for("the end of the broker", lambda: not self._broker())

    def _broker(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads((self.folder / "kafka" / "broker.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return state

    def end(self) -> None:
        """End all processes that were started."""
        for process in list(self._started):
            process.end()

    def close(self) -> None:
        """End everything that is left, the broker last."""
        self.end()
        wait_for("the end of the broker", lambda: not self._broker())


class ProducerProcess:
    """The producer of a source: one process after another, which write one ledger."""

    def __init__(self, home: Home, source: str, *, seed: int, rate: float) -> None:
        """Start the first one."""
        self.ledger = home.folder / f"{source}.ledger"
        program = str(Path(__file__).parent / "producer.py")
        options = ("--seed", str(seed), "--rate", str(rate), "--ledger", str(self.ledger))
        self._start: Callable[[], Process] = lambda: home.start(program, source, *options)
        self._process = self._start()
        self._before = 0

    @property
    def delivered(self) -> int:
        """How many events the producers were told were delivered."""
        return lines(self.ledger)

    def wait_until(self, delivered: int) -> None:
        """Wait until so many events were delivered.

        Raises:
            Failure: The producer has ended, or they were not in time.
        """
        wait_for(f"{delivered} events of {self._process.name}", lambda: self.delivered >= delivered or self._ended())

    def _ended(self) -> bool:
        if self._process.code is not None:
            self._process.expect()
        return False

    def kill(self) -> None:
        """Kill the process while it publishes, and start the next one."""
        self.wait_until(self._before + 1)
        self._process.kill()
        self._before = self.delivered
        self._process = self._start()

    def stop(self) -> None:
        """End the process by SIGTERM.

        Raises:
            Failure: What it says it delivered is not what the ledger has.
        """
        self.wait_until(self._before + 1)
        self._process.send(signal.SIGTERM)
        told = int(self._process.expect(0))
        if told != self.delivered - self._before:
            raise Failure(f"the producer delivered {told} events, the ledger has {self.delivered - self._before}")
