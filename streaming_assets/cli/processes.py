"""Other programs that `up` and `demo` run: Dagster and the dashboard."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from streaming_assets.cli import watcher
from streaming_assets.errors import StreamingAssetsError
from streaming_assets.settings import PREFIX, Settings

_STOP_SECONDS = 15.0
_LOOK_SECONDS = 0.1
_LOG_LINES = 15
LOCALHOST = "127.0.0.1"


class ProgramFailed(StreamingAssetsError):
    """A program that was started ended, or can't be started."""


class Program:
    """A program with its output in a file. It ends whole, and however this process ends: see `watcher.py`."""

    def __init__(self, name: str, command: Sequence[str], port: int, settings: Settings) -> None:
        """Prepare; `with` starts and stops it."""
        self.name = name
        self.url = f"http://{LOCALHOST}:{port}"
        self._command = command
        self._port = port
        self._home = settings.home
        self.log = settings.home / "logs" / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, f"{PREFIX}HOME": str(self._home)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # doubles every start of these many processes
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", watcher.__file__, str(_STOP_SECONDS), *self._command],
                stdin=subprocess.PIPE,  # its end tells the watcher that this process is gone
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C is for us
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.communicate()  # closes the pipe, and waits

    def ready(self) -> bool:
        """Tell whether it listens.

        Raises:
            ProgramFailed: It ended.
        """
        if self._process is not None and self._process.poll() is not None:
            tail = self.log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:]
            raise ProgramFailed(
                f"{self.name} ended with exit code {self._process.returncode}.",
                found="\n".join(tail),
                meaning="no data is affected",
                remedy=f"see {self.log}",
            )
        with socket.socket() as probe:
            return probe.connect_ex((LOCALHOST, self._port)) == 0

    def wait_until_ready(self, seconds: float, stop: threading.Event) -> None:
        """Wait until it listens, or until `stop` is set.

        Raises:
            ProgramFailed: It ended, or does not listen in time.
        """
        deadline = time.monotonic() + seconds
        while not self.ready() and not stop.wait(_LOOK_SECONDS):
            if time.monotonic() > deadline:
                raise ProgramFailed(f"{self.name} does not answer on {self.url}.", remedy=f"see {self.log}")


def dagster(settings: Settings) -> Program:
    """Return Dagster's UI and daemon for this installation's definitions."""
    port = _free_port("STREAMING_ASSETS_DAGSTER_PORT", settings.dagster_port)
    command = [
        *(sys.executable, "-m", "dagster", "dev", "--module-name", "streaming_assets.definitions"),
        *("--host", LOCALHOST, "--port", str(port)),
    ]
    return Program("dagster", command, port, settings)


def dashboard(settings: Settings) -> Program:
    """Return the Streamlit dashboard."""
    port = _free_port("STREAMING_ASSETS_DASHBOARD_PORT", settings.dashboard_port)
    flags = {
        "server.address": LOCALHOST,
        "server.port": str(port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
    }
    options = [f"--{name}={value}" for name, value in flags.items()]
    return Program("dashboard", [sys.executable, "-m", "streamlit", "run", str(_app()), *options], port, settings)


def _app() -> Path:
    package = Path(__file__).parent.parent
    inside = package / "_dashboard" / "app.py"  # where the wheel has it
    return inside if inside.exists() else package.parent / "dashboard" / "app.py"


def _free_port(variable: str, port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError as error:
            raise ProgramFailed(
                f"Port {port} is in use.",
                found=str(error),
                expected="a free port",
                remedy=f"stop what listens there, or set {variable} to another port (0 takes any free one)",
            ) from error
        return int(probe.getsockname()[1])
