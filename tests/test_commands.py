"""Commands that texts of the packages name: each can be typed as it stands."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from streaming_assets.cli.app import app

ROOT = Path(__file__).parents[1]
PACKAGES = ("streaming_assets", "dashboard", "plugins/*/src")
ADVISERS = ("streaming_assets/lake", "streaming_assets/layers", "streaming_assets/engines")
"""Rooms in which an option is one of ours: none of them runs another program."""

COMMAND = re.compile(r"streaming-assets ((?:--)?[a-z][^`…]*)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def literals(tree: ast.AST) -> Iterator[str]:
    """Give the string literals of a module; what an f-string puts in is `X`."""
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


def texts(folders: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give the literals of folders, each with its file."""
    for path in sorted(path for folder in folders for path in ROOT.glob(f"{folder}/**/*.py")):
        for text in literals(ast.parse(path.read_text("utf-8"))):
            yield str(path.relative_to(ROOT)), text


NAMED = sorted({(path, found[1].strip()) for path, text in texts(PACKAGES) for found in COMMAND.finditer(text)})


PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
SHOWN = re.compile(r"(?:^|`|run )streaming-assets ([a-z][^`…\n]*)", re.MULTILINE)
DOCUMENTED = sorted({found[1].strip() for page in PAGES for found in SHOWN.finditer(page.read_text("utf-8"))})
"""The commands that the documentation shows, in lines of their own and in sentences."""


def expect_usable(words: list[str]) -> None:
    """Parse a command as the command line does, without running it; a word that it does not know is a UsageError."""
    command = get_command(app)
    context = command.make_context("streaming-assets", words)
    while words := [*context._protected_args, *context.args]:
        name, command, rest = command.resolve_command(context, words)
        context = command.make_context(name, rest, parent=context)
        if not hasattr(command, "resolve_command"):
            return


def test_there_are_commands_to_check():
    """The search finds commands in plain literals, in f-strings, and in the dashboard."""
    assert {"plugins list", "refresh X --rebuild silver"} <= {command for _, command in NAMED}
    assert [path for path, _ in NAMED if path.startswith("dashboard/")] != []


@pytest.mark.parametrize("command", sorted({command for _, command in NAMED}))
def test_a_named_command_exists(command):
    """A command in a text of ours is understood by the command line, with its options and their values."""
    expect_usable(shlex.split(command))


@pytest.mark.parametrize("command", DOCUMENTED)
def test_a_shown_command_exists(command, tmp_path, monkeypatch):
    """A command that a page shows is understood by the command line, with its options and their values."""
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command)
    for file in (word for word in words if word.endswith(".jsonl")):
        (tmp_path / file).touch()
    expect_usable(words)


def options(command: Any) -> Iterator[str]:
    """Give the options of a command and of those below it."""
    for parameter in command.params:
        yield from parameter.opts
    for below in getattr(command, "commands", {}).values():
        yield from options(below)


def test_named_options_exist():
    """Options that errors and findings name, or put into a command, are options of the command line."""
    found = {option for _, text in texts(ADVISERS) for option in OPTION.findall(text)}
    assert {"--accept-loss", "--deep"} <= found
    assert found - set(options(get_command(app))) == set()
