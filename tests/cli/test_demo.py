"""`demo` and `up` in one folder, one after the other: everything starts, fills the tables, and ends without a trace."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time

import httpx
import psutil
import pytest
from deltalake import DeltaTable

from streaming_assets.kafka.broker import broker_address
from streaming_assets.settings import load_settings

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("broker")]  # the fixture skips where there is no Java

FREE_PORTS = {"STREAMING_ASSETS_DAGSTER_PORT": "0", "STREAMING_ASSETS_DASHBOARD_PORT": "0"}
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def line(new_command_line, tmp_path_factory):
    """The command line in an empty folder, where GitHub can't be reached."""
    return new_command_line(tmp_path_factory.mktemp("demo"), STREAMING_ASSETS_GITHUB_EVENTS_API_URL=NOBODY)


@pytest.fixture(scope="module")
def demonstrated(line, broker):
    """What `demo --once` did in the folder."""
    assert broker
    return line.run("demo", "--once")


@pytest.fixture(scope="module")
def home(line, demonstrated):
    """The command line where `demo --once` was run."""
    assert demonstrated.returncode == 0
    return line


def test_demo_shows_rows_of_every_table(demonstrated, line):
    """In an empty folder `demo --once` ends with exit code 0, and every Gold table of the simulated source has rows."""
    assert (demonstrated.returncode, "Traceback" in demonstrated.stderr) == (0, False), demonstrated.stderr
    rows = {state["table"]: state["rows"] for state in line.json("tables", "user_interactions")}
    for table in ("events_by_type", "user_sessions", "video_activity"):
        shown = f"user_interactions.gold.{table}: 5 of {rows[f'user_interactions.gold.{table}']:,} rows"
        assert shown in demonstrated.stdout
    assert max(map(len, demonstrated.stdout.splitlines())) <= 80


def test_demo_says_once_that_a_source_can_not_be_reached(demonstrated):
    """The source that can't be reached has one note and empty tables; it costs the other one nothing."""
    assert demonstrated.stderr.count("can't be reached") == 1
    assert f"note github_events: {NOBODY} can't be reached" in demonstrated.stderr
    assert "github_events: 0 events produced" in demonstrated.stdout
    assert demonstrated.stdout.count("no rows yet") == 3


def started(process) -> dict[str, str]:
    """Read where `up` or `demo` say the parts are."""
    places = {}
    while "kafka" not in places:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        name, _, place = line.partition(" ")
        places[name] = place.strip()
    return places


def demonstrated_records(demonstrated) -> int:
    """The number of events that `demo --once` told it had produced."""
    return int(re.search(r"user_interactions: ([0-9,]+) events produced", demonstrated.stdout)[1].replace(",", ""))


def silver_version(line) -> int:
    return DeltaTable(str(line.lake / "user_interactions" / "silver")).version()


def is_alive(process: psutil.Process) -> bool:
    """Whether a process runs; one that nobody has reaped yet does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def all_end(family: list[psutil.Process]) -> None:
    """Wait for the end of processes."""
    deadline = time.monotonic() + 60
    while alive := [process for process in family if is_alive(process)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.05)


def stop(process, line) -> None:
    """Send SIGTERM; check that the process ends in order and that nothing it started is left."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert len(family) >= 4
    all_end(family)
    deadline = time.monotonic() + 60
    while broker_address(load_settings(home=line.home, kafka_bootstrap_servers=None)) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.long
def test_up_serves_both_pages_and_dagster_refreshes(home, demonstrated):
    """Both pages answer, the sensor brings new events in without being asked, and after SIGTERM all data is there."""
    before = silver_version(home)
    process = home.start("up", **FREE_PORTS)
    places = started(process)
    assert httpx.get(f"{places['dagster']}/server_info", timeout=30).status_code == 200
    assert httpx.get(places["dashboard"], timeout=30).status_code == 200

    home.ok("produce", "user_interactions", "--limit", "500")
    deadline = time.monotonic() + 120
    while silver_version(home) == before:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    stop(process, home)

    home.ok("refresh", "user_interactions")
    assert len(home.rows("user_interactions/bronze")) == demonstrated_records(demonstrated) + 500
    assert home.json("verify")["passed"] is True


@pytest.mark.long
def test_nothing_outlives_an_up_that_was_killed(command_line):
    """After SIGKILL of `up` the programs that it started end by themselves, so that their ports are free."""
    process = command_line.start("up", **FREE_PORTS)
    started(process)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 4
    process.kill()
    all_end(family)


IN_A_TERMINAL = """
import os, sys
terminal = os.open(sys.argv[1], os.O_RDWR)
for number in (0, 1, 2):
    os.dup2(terminal, number)
os.execv(sys.executable, [sys.executable, "-m", "streaming_assets", "up"])
"""


@pytest.mark.long
def test_nothing_outlives_the_terminal_of_up(command_line):
    """When the terminal closes while everything is starting, `up` ends, and so does all that it started."""
    shown, terminal = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", IN_A_TERMINAL, os.ttyname(terminal)],
        cwd=command_line.folder,
        env=command_line.environment | FREE_PORTS,
        start_new_session=True,  # the first terminal that it opens is then its own
    )
    os.close(terminal)
    command_line.started.append(process)
    family = []
    while len(family) < 4:
        assert process.poll() is None
        family = psutil.Process(process.pid).children(recursive=True)
        time.sleep(0.05)
    os.close(shown)
    process.wait(timeout=60)
    all_end(family)


def test_port_in_use_is_told(command_line):
    """A port of Dagster that somebody else has is an error that names the port and the variable."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = command_line.fails("up", **FREE_PORTS | {"STREAMING_ASSETS_DAGSTER_PORT": str(port)})
    assert told.startswith(f"ProgramFailed Port {port} is in use.")
    assert "set STREAMING_ASSETS_DAGSTER_PORT to another port" in told


def test_a_home_that_is_no_folder_is_told(command_line):
    """Where there is no place for Dagster's files, the error names the variable of the folder of all state."""
    home = command_line.folder / "file"
    home.touch()
    told = command_line.fails("up", **FREE_PORTS, STREAMING_ASSETS_HOME=str(home))
    assert "STREAMING_ASSETS_HOME" in told
