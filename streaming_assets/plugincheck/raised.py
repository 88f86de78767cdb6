"""What a plugin raised while it was loaded: the last line of its own that took part, and what should stand there."""

from __future__ import annotations

import ast
import builtins
import linecache
import re
import sys
import traceback
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from streaming_assets import contract
from streaming_assets.hookspecs import PROJECT
from streaming_assets.isolation import text_of
from streaming_assets.plugincheck.files import PluginFiles
from streaming_assets.plugincheck.spots import Spot, characters, spot
from streaming_assets.sqlcheck.problems import nearest, one_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_ARGUMENT = re.compile(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'")
_MISSING = re.compile(r".*\(\) missing \d+ required .*: (.*)")
_POSITIONAL = re.compile(r"(\w+)\.__init__\(\) takes 1 positional argument but")
_FILE = re.compile(r" \(/[^()]*\)\Z")  # at the end of an ImportError's text
_LONGEST = 500
_SURELY = 0.88
"""How near a package's name has to be to be meant, and no other package: nobody is told to install a mistyped one."""
_IMPORTED = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")


@dataclass(frozen=True, slots=True)
class Raised:
    """What a plugin raised."""

    found: str
    """The exception, with its text."""
    expected: str | None = None
    """What should be there instead, where that is known."""
    spot: Spot | None = None
    """Where."""
    of_entry_point: bool = False
    """Whether it is about the entry point, not about the code behind it."""


def raised(error: BaseException, files: PluginFiles) -> Raised:
    """Describe an exception that came out of a plugin while it was imported, or out of its hook."""
    if isinstance(error, SyntaxError) and error.filename and files.holds(error.filename):
        return _syntax(error, error.filename)
    at = _last_of(error, files)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _missing_module(error.name, at, files)
    if at is None and (refused := _refused_entry_point(files)) is not None:
        return refused
    text = _FILE.sub("", _text(error))
    if (argument := _ARGUMENT.match(text)) and at is not None:
        at = _keyword(argument[2], at) or at
    found = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return Raised(found, _expected(error, text), at or files.file())


def _syntax(error: SyntaxError, filename: str) -> Raised:
    line, column = error.lineno or 1, error.offset or 0
    end = error.end_offset or 0 if error.end_lineno == line else 0
    text = (error.text or "").rstrip("\n")
    at = Spot(Path(filename), line, column if 0 < column <= len(text) else None, max(end - column, 1), text)
    return Raised(f"{type(error).__name__}: {error.msg}", "Python that can be read", at)


def _last_of(error: BaseException, files: PluginFiles) -> Spot | None:
    """Return the last line of the plugin's own on the way to an exception."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if files.holds(frame.filename)]
    if not own or own[-1].lineno is None:
        return None
    last, line = own[-1], own[-1].lineno
    lines = linecache.getlines(last.filename)
    text = lines[line - 1].rstrip("\n") if line <= len(lines) else ""
    if last.colno is None or last.end_colno is None or last.end_lineno != line:
        start = len(text) - len(text.lstrip())
        return Spot(Path(last.filename), line, start + 1, max(len(text.strip()), 1), text)
    start = characters(text, last.colno)
    return Spot(Path(last.filename), line, start + 1, max(characters(text, last.end_colno) - start, 1), text)


def _missing_module(name: str, at: Spot | None, files: PluginFiles) -> Raised:
    top = name.partition(".")[0]
    if at is None and f"{files.entry}.".startswith(f"{name}."):
        found = f"{files.written}, but no module {name!r}"
        return Raised(
            found, nearest(name, files.modules()) or "a module that the package has", files.written_at(), True
        )
    if files.path(top) is not None or files.entry.partition(".")[0] == top:
        return Raised(f"no module {name!r}", nearest(name, files.modules()) or "a module that the package has", at)
    if near := get_close_matches(top, [PROJECT, files.entry.partition(".")[0]], n=1, cutoff=_SURELY):
        return Raised(f"no module {name!r}", repr(near[0]), at)
    inside = [f"{each!r}, or " for each in files.modules() if each.endswith(f".{name}")]
    expected = (
        f"{''.join(inside)}an installed package that has it: `pip install {top}`, if that is its name, "
        "and the name among the dependencies in pyproject.toml"
    )
    return Raised(f"no module {name!r}", expected, at)


def _refused_entry_point(files: PluginFiles) -> Raised | None:
    """Tell what is wrong with an entry point of which no code of the plugin's failed; None where nothing is."""
    if files.entry_point.pattern.match(files.entry_point.value) is None:
        return Raised(files.written, "a module, or `module:object`", files.written_at(), True)
    if files.entry_point.attr and files.entry in sys.modules:
        found = f"{files.written}, but no {files.entry_point.attr!r} in that module"
        name = files.entry_point.attr
        return Raised(
            found, nearest(name, dir(sys.modules[files.entry])) or "the module alone", files.written_at(), True
        )
    return None


def _text(error: BaseException) -> str:
    text = text_of(error)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _expected(error: BaseException, text: str) -> str | None:
    """Say which name was meant, where an exception is about a name."""
    if isinstance(error, TypeError):
        return _expected_call(text)
    if imported := _IMPORTED.match(text):
        return nearest(imported[1], _public(sys.modules.get(imported[2])))
    if not isinstance(error, AttributeError | NameError) or not isinstance(error.name, str):
        return None
    if isinstance(error, AttributeError):
        is_type = error.obj is contract.ScalarType
        return (
            one_of(error.name, contract.ScalarType.__members__) if is_type else nearest(error.name, _public(error.obj))
        )
    if error.name in sys.modules[PROJECT].__all__:
        return f"`from {PROJECT} import {error.name}` above"
    return nearest(error.name, _visible(error.__traceback__)) if error.__traceback__ is not None else None


def _expected_call(text: str) -> str | None:
    """Say how a value of the contract is made, where that went wrong."""
    if missing := _MISSING.match(text):
        return f"a value for {missing[1]}"
    about = _ARGUMENT.match(text) or _POSITIONAL.match(text)
    kind = getattr(contract, about[1], None) if about else None
    if about is None or not is_dataclass(kind) or not isinstance(kind, type):
        return None
    return _by_name(kind) if about.re is _POSITIONAL else nearest(about[2], [each.name for each in fields(kind)])


def _by_name(kind: type[DataclassInstance]) -> str:
    """Say how a value of the contract is made."""
    needed = [each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING]
    return f"each argument by its name: {kind.__name__}({', '.join(f'{name}=…' for name in needed)})"


def _public(holder: object) -> list[str]:
    try:
        return [name for name in dir(holder) if not name.startswith("_")]
    except Exception:  # noqa: BLE001 - the object is the plugin's own
        return []


def _visible(raised_at: TracebackType) -> Iterable[str]:
    last = raised_at
    while last.tb_next is not None:
        last = last.tb_next
    return {*last.tb_frame.f_locals, *last.tb_frame.f_globals, *dir(builtins)}


def _keyword(name: str, at: Spot) -> Spot | None:
    """Return where a keyword stands in the call that begins at a place, which may go over many lines."""
    lines = [line.rstrip("\n") for line in linecache.getlines(str(at.file))]
    calls = [node for node in ast.walk(ast.parse("\n".join(lines))) if isinstance(node, ast.Call)]
    found = [each for call in calls if call.lineno == at.line for each in call.keywords if each.arg == name]
    if len(found) != 1:
        return None
    start = characters(lines[found[0].lineno - 1], found[0].col_offset)
    return spot(at.file, lines, found[0].lineno, start + 1, len(name))
