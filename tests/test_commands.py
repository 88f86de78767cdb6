"""Commands that texts of the packages name: each can be typed as it stands."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from streaming_assets.cli.app import app

ROOT = Path(__file__).parents[1]
PACKAGES = ("streaming_assets", "dashboard", "plugins/*/src")

COMMAND = re.compile(r"streaming-assets ((?:--)?[a-z][^`…]*)")


def literals(tree: ast.AST) -> Iterator[str]:
    """Give the string literals of a module; what an f-string puts in is `X`."""
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


def named() -> Iterator[tuple[str, str]]:
    """Give each command that a literal names, and its file."""
    for path in sorted(path for package in PACKAGES for path in ROOT.glob(f"{package}/**/*.py")):
        for text in literals(ast.parse(path.read_text("utf-8"))):
            for found in COMMAND.finditer(text):
                yield str(path.relative_to(ROOT)), found[1].strip()


NAMED = sorted(set(named()))


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
