"""README.md: what it shows is run, and what it names is there."""

from __future__ import annotations

import re
import shlex
import signal
import tomllib
from pathlib import Path

import pytest

from streaming_assets.registry import load_sources
from streaming_assets.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
SHELL = [text for language, text in BLOCKS if language in {"sh", "console"}]
ENDLESS = ("demo", "up", "broker")


def block(language: str) -> str:
    """The only block of a language."""
    (text,) = [text for kind, text in BLOCKS if kind == language]
    return text


def commands(text: str) -> list[list[str]]:
    """The commands of a block that `uv run` starts, as lists of words."""
    steps = [step for line in text.splitlines() for step in line.removeprefix("$ ").split(" && ")]
    return [shlex.split(step)[2:] for step in steps if step.startswith("uv run ")]


def run(line, command: list[str]) -> None:
    """Run a command of the README; one that does not end by itself is stopped once it says where everything is."""
    program, *arguments = command
    assert program == "streaming-assets", f"the README shows {program}, which this test does not know"
    if arguments[0] not in ENDLESS or "--once" in arguments:
        line.ok(*arguments)
        return
    ports = {"STREAMING_ASSETS_DAGSTER_PORT": "0", "STREAMING_ASSETS_DASHBOARD_PORT": "0"}
    process = line.start(*arguments, **ports)
    while (told := process.stdout.readline()) and not told.lower().startswith("kafka"):
        pass
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, bool(told)) == (0, True), err


@pytest.mark.broker
@pytest.mark.parametrize("text", SHELL, ids=lambda text: text.splitlines()[0])
def test_shell_blocks_run(text, command_line):
    """Every command that the README shows for a shell succeeds; the tests themselves are not run once more."""
    for command in commands(text):
        if command != ["pytest"]:
            run(command_line, command)


def test_first_commands_stand_in_the_readme():
    """What starts everything and what tests everything stand there, word for word."""
    assert SHELL[0] == "pip install uv && uv run streaming-assets demo\n"
    assert "uv run pytest\n" in SHELL


@pytest.mark.broker
def test_example_source_works(command_line):
    """The source of the README, installed under its entry point, passes the check and fills its tables."""
    ((name, module),) = tomllib.loads(block("toml"))["project"]["entry-points"]["streaming_assets"].items()
    command_line.install(name, block("python"), module=module)

    assert command_line.ok("plugins", "check", name).split() == ["✓", name]
    assert command_line.ok("produce", name).startswith("delivered 2 events to topic orders ")
    command_line.ok("refresh", name)
    (row,) = command_line.rows(f"{name}/gold/sales_per_shop")
    assert (row["shop"], row["orders"], row["cents"]) == ("north", 2, 500)
    assert command_line.json("verify", name)["passed"] is True


def test_check_shows_what_the_readme_shows(offline):
    """The example source with a column misspelt, in a folder that is not installed, is told as the README tells it."""
    ((_, module),) = tomllib.loads(block("toml"))["project"]["entry-points"]["streaming_assets"].items()
    package = offline.folder / "orders" / "src" / module
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(block("python").replace("sum(cents)", "sum(cnts)"), "utf-8")
    (offline.folder / "orders" / "pyproject.toml").write_text(block("toml"), "utf-8")

    assert offline.run("plugins", "check", "./orders").stderr.strip() == block("text").strip()


def test_every_command_of_the_table_exists(offline):
    """The table of commands names those that there are, no more and no less."""
    table = README.split("| command |")[1].split("\n\n")[0]
    named = {
        word for row in re.findall(r"^\| (`[^|]*`) \|", table, re.MULTILINE) for word in re.findall(r"`([\w-]+)", row)
    }
    shown = set(re.findall(r"│ ([\w-]+) ", offline.ok("--help").split("Commands")[1]))
    assert {word for word in named if word.islower()} == shown


def settings_of_the_table() -> dict[str, str]:
    """The settings that the table names, each with the default that it shows."""
    table = README.split("| variable |")[1].split("\n\n")[0]
    shown = {}
    for variables, default in re.findall(r"^\| (`[^|]*`) \| ([^|]*)\|", table, re.MULTILINE):
        names = re.findall(r"`(\w+)`", variables)
        defaults = default.strip().split(", ") if len(names) > 1 else [default.strip()]
        shown |= dict(zip(map(str.lower, names), defaults + [""] * len(names), strict=False))
    return shown


def test_the_table_has_every_setting_and_no_other():
    """Each setting of the framework stands in the table, and what stands there besides is an option of a source."""
    names = settings_of_the_table()
    sources = tuple(f"{source}_" for source in load_sources().sources)
    assert {name for name in names if not name.startswith(sources)} == set(Settings.model_fields)


def test_numbers_of_the_table_are_the_defaults():
    """Where the default of a setting is a fixed number, the table shows that number."""
    fields = {name: field.default for name, field in Settings.model_fields.items()}
    numbers = {name: float(value) for name, value in fields.items() if isinstance(value, int | float)}
    shown = settings_of_the_table()
    assert {name: float(re.match(r"[0-9.]*", shown[name])[0] or "nan") for name in numbers} == numbers


def test_a_server_is_started_with_what_a_session_here_has():
    """The command that starts a Spark Connect server names the packages and the properties by which Delta works."""
    local = pytest.importorskip("streaming_assets.engines.spark.local", exc_type=ImportError)
    assert f"--packages {','.join(local.PACKAGES)} " in README
    delta = ("spark.sql.extensions", "spark.sql.catalog.spark_catalog")
    assert [name for name in delta if f"--conf {name}={local.PROPERTIES[name]}" not in README] == []


def test_files_it_names_are_there():
    """Every file that the README links to, or shows in a command, is in the project; those of `build/` are made."""
    named = re.findall(r"\]\(([^)#]+)\)", README) + re.findall(r"`(?:uv run python )?([\w.]+/[\w./]+)`", README)
    ours = [name for name in named if "://" not in name and not name.startswith("build/")]
    assert [name for name in ours if not (ROOT / name).exists()] == []
