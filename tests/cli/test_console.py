"""What errors look like on a terminal."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from streaming_assets.cli import console
from streaming_assets.cli.commands.tables import tell_outdated
from streaming_assets.errors import TableError
from streaming_assets.lake.layout import TableId

COMMAND = "`mv /a/folder/with/a/long/name/lake/shop /a/folder/with/a/long/name/lake/shop.before && refresh shop`"


@pytest.fixture
def shown(monkeypatch, capsys):
    """Show an error on a terminal of 60 columns, and return its lines."""
    monkeypatch.setattr(console, "err", Console(stderr=True, width=60))

    def show(error):
        console.print_error(error)
        return capsys.readouterr().err.splitlines()

    return show


def test_a_command_is_in_one_line(shown):
    """A command longer than a line stands in one, with nothing beside it, so that it can be copied."""
    lines = shown(TableError("A table is gone.", remedy=f"bring it back from a backup; or begin anew: {COMMAND}"))
    assert lines[-2:] == ["bring it back from a backup; or begin anew:", COMMAND]


def test_prose_is_wrapped_between_words(shown):
    """Text without a command keeps to the terminal's width, and to the lines that it has."""
    words = " ".join(["word"] * 30)
    lines = shown(TableError("A table is gone.", found=f"- {words}\n- {words}"))
    assert max(map(len, lines)) <= 60
    assert [line[0] for line in lines if line.startswith("- ")] == ["-", "-"]
    assert {word for line in lines[4:] for word in line.split()} == {"-", "word"}


def test_an_error_is_told_by_its_parts(shown):
    """The kind of error comes first, then what happened, then each part under its name."""
    lines = shown(TableError("A table is gone.", found="nothing", meaning="no row is lost"))
    assert lines[0].split() == ["TableError", "─" * 49]
    assert lines[1:] == ["A table is gone.", "", "Found", "nothing", "", "For the data", "no row is lost"]


@pytest.mark.parametrize(
    ("encoding", "told", "written"),
    [
        ("utf-8", "Straße 😀", "Straße 😀"),
        ("utf-8", "half \ud800 of ß", "half \\ud800 of \\u00df"),
        ("latin-1", "Straße", "Straße"),
        ("latin-1", "Straße 😀", "Stra\\u00dfe \\ud83d\\ude00"),
    ],
)
def test_json_is_written_whatever_a_text_has(monkeypatch, encoding, told, written):
    """A document is written as it is read, and where the stream does not have its letters, by their numbers."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(console, "out", Console(file=stream))
    console.print_json([told])
    text = stream.buffer.getvalue().decode(encoding)
    assert text == f'["{written}"]\n'
    assert json.loads(text) == [told]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [(("silver",), "shop: silver has rows of"), (("silver", "quarantine"), "shop: silver and quarantine have rows of")],
)
def test_outdated_tables_are_told_as_one_or_several(capsys, layers, expected):
    """One table has rows of another definition, two tables have."""
    tell_outdated("shop", [TableId("shop", layer) for layer in layers])
    assert f"{expected} another definition than the plugin's; `" in capsys.readouterr().err
