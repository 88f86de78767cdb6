"""What the command line says of itself."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest

COMMANDS = {
    "demo": ["--once"],
    "up": [],
    "broker": [],
    "produce": ["SOURCE", "FILE", "--replay", "--rate", "--limit"],
    "refresh": ["SOURCE", "--engine", "--json"],
    "replay-quarantine": ["SOURCE", "--reason", "--since", "--json"],
    "maintain": ["SOURCE", "--json"],
    "tables": ["SOURCE", "--quarantine", "--raw", "--json"],
    "verify": ["SOURCE", "--since", "--until", "--sample", "--deep", "--json"],
    "plugins": ["list", "check"],
    "plugins list": ["--json"],
    "plugins check": ["NAME", "--json"],
}


def test_help_names_every_command(offline):
    """`--help` lists the commands, and nothing is made in the folder by asking."""
    shown = offline.ok("--help")
    assert [command for command in COMMANDS if " " not in command and f"│ {command} " not in shown] == []
    assert list(offline.folder.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_fits_80_columns(offline, command):
    """Every command tells its arguments and options in at most 80 columns."""
    shown = offline.ok(*command.split(), "--help")
    assert [word for word in COMMANDS[command] if word not in shown] == []
    assert max(len(line) for line in shown.splitlines()) <= 80


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_shows_a_flag_without_a_type(offline, command):
    """A flag takes no value, so its help names no type of one."""
    shown = offline.ok(*command.split(), "--help")
    (line,) = [line for line in shown.splitlines() if "--help" in line]
    assert " ".join(line.strip("│ ").split()) == "--help Show this message and exit."
    assert "<bool>" not in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_argument_without_a_type(offline, command):
    """The help of a command names no Python types."""
    shown = offline.ok(*command.split(), "--help")
    assert [word for word in ("<list", "<str", "Path>") if word in shown] == []


def test_version_is_that_of_the_package(offline):
    """`--version` prints name and version, and ends."""
    assert offline.ok("--version") == f"streaming-assets {metadata.version('streaming-assets')}\n"


@pytest.mark.parametrize("arguments", [["nosuch"], ["produce"], ["produce", "github_events", "--rate", "0"]])
def test_wrong_usage_is_told_without_a_stack_trace(offline, arguments):
    """What can't be understood ends with exit code 2, a hint at `--help`, and no output."""
    done = offline.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--help" in done.stderr
    assert "Traceback" not in done.stderr


def test_files_need_replay(offline):
    """Files without `--replay` are refused, as they would be ignored."""
    done = offline.run("produce", "github_events", "some.ndjson")
    assert done.returncode == 2
    assert "files are given with --replay FILE..." in done.stderr


def test_help_loads_no_heavy_library():
    """The commands are known without importing what they run on."""
    heavy = ["confluent_kafka", "dagster", "deltalake", "duckdb", "pyarrow", "pydantic", "sqlglot", "streamlit"]
    program = f"import sys, streaming_assets.cli.app; print(*(name for name in {heavy!r} if name in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert loaded == []
