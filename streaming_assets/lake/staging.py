"""Where Silver and quarantine are made anew: a folder of the source that no reader takes for a table.

It holds the two tables under construction, and a note of what they are: the definition that all their rows
are computed by, and the generation that they will be. The note is there before the first row is. A folder that
is not wanted any more is first renamed, so that one that is half deleted is not taken for one to go on with.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from deltalake.transaction import AddAction

from streaming_assets.contract import EventSource
from streaming_assets.lake.history import entry_lines

_FOLDER, _ABANDONED, _UNFINISHED = "_rebuild", "_rebuild.abandoned", "_rebuild.unfinished"
_NOTE = "rebuild.json"


@dataclass(frozen=True, slots=True)
class Staging:
    """A rebuild of Silver and quarantine that has begun."""

    lake: Path
    """Folder of the staged tables, in which they lie as the others do in the lake."""
    definition: str
    """Version of the definition that all their rows are computed by."""
    generation: int
    """The generation that Silver and quarantine have once these have taken their place."""


def begin_staging(source: EventSource, lake: Path, *, definition: str, generation: int) -> Staging:
    """Make an empty staging in the place of any other one."""
    discard_staging(source, lake)
    new = lake / source.name / _UNFINISHED
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    (new / _NOTE).write_text(json.dumps({"definition": definition, "generation": generation}), "utf-8")
    return Staging(new.rename(_folder(source, lake)), definition, generation)


def find_staging(source: EventSource, lake: Path) -> Staging | None:
    """Return the rebuild that has begun; None if there is none, or nobody can tell what it is."""
    folder = _folder(source, lake)
    try:
        note = json.loads((folder / _NOTE).read_text("utf-8"))
        return Staging(folder, str(note["definition"]), int(note["generation"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def discard_staging(source: EventSource, lake: Path) -> None:
    """Delete what is staged, if anything is."""
    abandoned = lake / source.name / _ABANDONED
    shutil.rmtree(abandoned, ignore_errors=True)
    if _folder(source, lake).exists():
        _folder(source, lake).rename(abandoned)
    shutil.rmtree(abandoned, ignore_errors=True)


def link_files(staged: Path, table: Path) -> list[AddAction]:
    """Give a table the data files of a staged one beside its own; return what its log has to say of them.

    The files are linked, so that this costs neither time nor space; where the file system has no links they are
    copied. Files that are there already, as after a run that was killed, stay. All are made young, as their age alone
    keeps a vacuum from deleting them before the log names them.
    """
    actions = _added(staged / "_delta_log")
    for action in actions:
        path = unquote(action.path)  # a path in the log is a URI (Delta protocol, Add File)
        target = table / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            _link(staged / path, target)
        os.utime(target)
    return actions


def _link(file: Path, target: Path) -> None:
    try:
        os.link(file, target)
    except OSError:
        unfinished = target.with_name(f".{target.name}.unfinished")
        shutil.copy2(file, unfinished)
        unfinished.replace(target)


def _added(log: Path) -> list[AddAction]:
    """Return the files of a table that nobody has compacted or deleted from: all that its commits added."""
    commits = [commit.read_text("utf-8") for commit in sorted(log.glob("[0-9]*.json"))]
    lines = [line for commit in commits for line in entry_lines(commit)]
    return [
        AddAction(add["path"], add["size"], add["partitionValues"], add["modificationTime"], True, add["stats"])
        for add in (json.loads(line).get("add") for line in lines)
        if add
    ]


def _folder(source: EventSource, lake: Path) -> Path:
    return lake / source.name / _FOLDER
