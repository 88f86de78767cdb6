"""What errors look like on a terminal."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

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


def test_errors_of_threads_are_told_one_after_the_other(monkeypatch):
    """An error is told as a whole: where threads tell errors at once, no line of one stands inside of another."""
    stream, threads = io.StringIO(), 4
    monkeypatch.setattr(console, "err", Console(file=stream, width=60))
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda number: console.print_error(TableError(f"Table {number} is gone.")), range(100)))
    finally:
        sys.setswitchinterval(before)
    lines = stream.getvalue().splitlines()
    assert {line.split()[0] for line in lines[::2]} == {"TableError"}
    assert sorted(lines[1::2]) == sorted(f"Table {number} is gone." for number in range(100))


NOISE = """
import os, subprocess, sys
from streaming_assets.cli import console

with console.results_apart():
    out, err = sys.stdout, sys.stderr
    console.out.print("first")
    print("printed")
    os.write(1, b"written\\n")
    subprocess.run(["echo", "echoed"])
    print("told", file=sys.stderr)
    sys.stdout = sys.stderr = None
    console.err.print("noted")
    sys.stdout, sys.stderr = out, err
    out.close()
    os.close(2)
    console.print_json(["second"])
    console.err.print("noted again")
"""


UNREAD = """
import sys
from streaming_assets.cli import console

sys.stdout = None
with console.results_apart():
    console.print_json(["first"])
"""


def run(code, **how):
    """Run a program in a process of its own, as the streams of this one are not its own."""
    return subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, check=False, **how)


def test_results_are_apart_from_all_else():
    """What is printed, written or echoed inside is no result, and closed streams keep no result from being written."""
    done = run(NOISE, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (0, 'first\n["second"]\n'), done.stderr
    assert sorted(done.stderr.splitlines()) == ["echoed", "noted", "noted again", "printed", "told", "written"]


def test_nobody_has_to_read_along():
    """Where the streams are closed by whoever started the program, results go nowhere, and nothing breaks."""
    done = run(UNREAD, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


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
