"""A real Spark Connect server on this machine, from the pyspark distribution."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyspark

_CLASS = "org.apache.spark.sql.connect.service.SparkConnectServer"
_SECONDS = 150


@contextmanager
def connect_server(properties: Mapping[str, str], log: Path) -> Iterator[str]:
    """Start a server with properties; give its address, and end it at last."""
    home = Path(pyspark.__file__).parent
    port = _free_port()
    settings = {**properties, "spark.connect.grpc.binding.address": "127.0.0.1",
                "spark.connect.grpc.binding.port": str(port)}  # fmt: skip
    command = [str(home / "bin" / "spark-submit"), "--class", _CLASS, "--master", "local[2]"]
    for name, value in settings.items():
        command += ["--conf", f"{name}={value}"]
    environment = {**os.environ, "SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable}
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*command, "spark-internal"], env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        _wait(server, port, log)
        yield f"sc://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text(errors="replace")[-2000:]
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(log.read_text(errors="replace")[-2000:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
