"""What the command line writes: results to standard output, everything else to standard error."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, Any, TextIO

from rich import box
from rich.console import Console, JustifyMethod
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from streaming_assets.errors import OutputRefused, StreamingAssetsError


@contextmanager
def _written() -> Iterator[None]:
    """Say so where standard output takes no more; a pipe that nobody reads is left to Typer, which ends quietly.

    Raises:
        OutputRefused: It takes no more.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        _flush_or_drop(out.file)
        raise OutputRefused(
            "Standard output takes no more.",
            found=str(error),
            expected="room for what the command tells",
            meaning="what the command did is done; what it tells of that is not written, or in part",
            remedy="make room, or write elsewhere, and run the command again",
        ) from error


class _Results(Console):
    def print(self, *objects: Any, **how: Any) -> None:
        with _written():
            super().print(*objects, **how)


out = _Results()
"""Results."""

err = Console(stderr=True)
"""Progress, notes and errors."""


@contextmanager
def results_apart() -> Iterator[None]:
    """Leave standard output to `out` and `print_json`, and let nothing that plugins do to the streams reach them.

    All else that goes to standard output, also by its descriptor, from native code or from a process that is
    started, goes to standard error.
    """
    if sys.stdout is None or sys.stderr is None:  # closed by whoever started us
        yield
        return
    out.file, err.file = _kept(sys.stdout), _kept(sys.stderr)
    os.dup2(err.file.fileno(), sys.stdout.fileno())
    try:
        yield
    finally:
        _flush_or_drop(out.file)


def _kept(stream: TextIO) -> TextIO:
    """Return another stream to the same place, which nobody else knows."""
    stream.flush()
    descriptor = os.dup(stream.fileno())
    return os.fdopen(descriptor, "w", buffering=1, encoding=stream.encoding, errors=stream.errors)


def _flush_or_drop(stream: IO[str]) -> None:
    """Write what is left; where nobody takes it, Python would tell of that at its end, as of an error."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400

_COMMAND = re.compile(r"`[^`\n]+`")
_JOINT = "\ue000"
"""Stands for a space at which a line may not be broken; a code point that no text has a use for."""


def print_error(error: StreamingAssetsError) -> None:
    """Tell an error: what happened, what was found and expected, what it means, what to do."""
    body = Text(wrapped(error.summary), style="bold")
    for label, text in error.parts():
        body.append(f"\n\n{label}\n", style="bold cyan")
        body.append(wrapped(text), style="default")
    with err:  # at once: another thread may tell an error, too
        # No frame: what is copied from a line would have its sides in it.
        err.print(Rule(Text(type(error).__name__), align="left", style="red"))
        err.print(body, soft_wrap=True)


def wrapped(text: str, *, first: str = "", rest: str = "") -> str:
    """Break lines between words, and never inside of a command, which is copied as it stands.

    Args:
        text: The text.
        first: What stands before its first line.
        rest: What stands before all others.
    """
    kept = _COMMAND.sub(lambda command: command[0].replace(" ", _JOINT), text)
    wrapper = textwrap.TextWrapper(err.width, break_long_words=False, break_on_hyphens=False, subsequent_indent=rest)
    lines: list[str] = []
    for line in kept.split("\n"):
        wrapper.initial_indent = rest if lines else first
        lines.append(wrapper.fill(line))
    return "\n".join(lines).replace(_JOINT, " ")


def print_note(text: str) -> None:
    """Tell what a person watching should know; the text is somebody else's, so it is shown as it stands."""
    err.print(Text.assemble(("note ", "yellow"), text), soft_wrap=True)


def print_json(value: Any) -> None:
    """Write a value for programs: one JSON document, nothing else."""
    text = json.dumps(value, default=_plain, ensure_ascii=False)
    try:
        text.encode(getattr(out.file, "encoding", None) or "utf-8")
    except UnicodeEncodeError:  # half of a character, or a letter that the stream's encoding does not have
        text = json.dumps(value, default=_plain)
    with _written():
        out.file.write(text + "\n")
        out.file.flush()


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def print_table(headings: Iterable[str], records: Iterable[Iterable[object]], *, title: str | None = None) -> None:
    """Write a table; numbers stand to the right, and what the first column names is not wrapped."""
    if title is not None:
        out.print(title, style="bold", highlight=False, soft_wrap=True)  # a table's own is wrapped to its width
    table = Table(header_style="bold", box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    rows = [list(record) for record in records]
    for index, heading in enumerate(headings):
        numeric = bool(rows) and all(isinstance(row[index], int | float | None) for row in rows)
        # Words, because a name with underscores can't be wrapped where the terminal is narrow.
        justify: JustifyMethod = "right" if numeric else "left"
        table.add_column(heading.replace("_", " "), justify=justify, overflow="fold", no_wrap=index == 0)
    for row in rows:
        table.add_row(*[_cell(value) for value in row])
    out.print(table)


def _cell(value: object) -> Text:
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, int):
        return Text(f"{value:,}")
    if isinstance(value, datetime):
        return Text(value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"))
    return Text(str(value))


def size(count: int | None) -> str | None:
    """Return a number of bytes in units people read."""
    if count is None:
        return None
    amount = float(count)
    for unit in _UNITS[:-1]:
        if amount < _STEP:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _STEP
    return f"{amount:.1f} {_UNITS[-1]}"


def counted(count: int, noun: str) -> str:
    """Return a number of things, such as `1 record` or `2,000 records`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def age(moment: datetime | None) -> str | None:
    """Return how long ago a moment was."""
    if moment is None:
        return None
    seconds = max(0, int((datetime.now(tz=UTC) - moment).total_seconds()))
    for length, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep the warnings of libraries from the terminal; ours are errors or notes."""
    logging.captureWarnings(capture=True)
    logging.getLogger("py.warnings").addHandler(logging.NullHandler())
    logging.getLogger("py.warnings").propagate = False
    yield
