"""What a pyproject.toml says of a project's plugins: its entry points, and where its modules lie."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from streaming_assets.errors import PluginError
from streaming_assets.hookspecs import PROJECT
from streaming_assets.plugincheck.spots import Spot, spot

FILE = "pyproject.toml"

_AT = re.compile(r"(.*) \(at line (\d+), column (\d+)\)")


class ProjectFault(PluginError):
    """A project's file can't be used; `spot` says where."""

    def __init__(self, found: str, expected: str, at: Spot) -> None:
        """Keep the place."""
        self.spot = at
        super().__init__(f"{at.file} names no plugin.", found=found, expected=expected)


def read_project(file: Path) -> Mapping[str, Any]:
    """Read a pyproject.toml.

    Raises:
        ProjectFault: It is no TOML.
    """
    try:
        text = file.read_text("utf-8")
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ProjectFault(str(error), "a file in UTF-8", Spot(file)) from None
    except tomllib.TOMLDecodeError as error:
        match = _AT.fullmatch(str(error))
        at = spot(file, text.split("\n"), int(match[2]), int(match[3])) if match else Spot(file)
        raise ProjectFault(match[1] if match else str(error), "TOML", at) from None


def entry_points(file: Path) -> list[metadata.EntryPoint]:
    """Return the plugins that a pyproject.toml names.

    Raises:
        ProjectFault: It can't be read, or names none.
    """
    groups = _table(_table(read_project(file), "project"), "entry-points")
    named = _table(groups, PROJECT)
    if not named:
        near = get_close_matches(PROJECT, [name for name in groups if name != PROJECT], n=1)
        lines = file.read_text("utf-8").split("\n")
        found = f"the group {near[0]!r}" if near else f"no entry point in the group {PROJECT!r}"
        at = _header(file, lines, near[0] if near else PROJECT)
        raise ProjectFault(found, f'`[project.entry-points.{PROJECT}]`, and below it `name = "module"`', at)
    for name, value in named.items():
        if not isinstance(value, str):
            raise ProjectFault(
                f"the entry point {name!r} with {value!r}", "a module's name", entry_point_spot(file, name)
            )
    return [metadata.EntryPoint(name, value, PROJECT) for name, value in named.items()]


def module_folders(file: Path) -> list[Path]:
    """Return the folders that a project's modules are imported from, by what its build backend is told, or by habit."""
    tool = _table(read_project(file), "tool")
    wheel = _table(_table(_table(_table(tool, "hatch"), "build"), "targets"), "wheel")
    setuptools = _table(tool, "setuptools")
    named = [str(Path(each).parent) for each in _texts(wheel.get("packages"))]
    named += _texts(_table(_table(setuptools, "packages"), "find").get("where"))
    named += _texts(list(_table(setuptools, "package-dir").values()))
    named += _texts([_table(_table(tool, "uv"), "build-backend").get("module-root")])
    folders = [file.parent / each for each in (*named, "src", ".")]
    return list(dict.fromkeys(folder.resolve() for folder in folders if folder.is_dir()))


def entry_point_spot(file: Path, name: str) -> Spot:
    """Return where an entry point stands in a pyproject.toml, or else the file."""
    lines = file.read_text("utf-8").split("\n")
    header = _header(file, lines, PROJECT).line
    key = re.compile(rf"\s*(?:{re.escape(name)}|\"{re.escape(name)}\"|'{re.escape(name)}')\s*=\s*(.*?)\s*(?:#.*)?")
    for number, line in enumerate(lines[header or len(lines) :], (header or 0) + 1):
        if line.lstrip().startswith("["):
            break
        if match := key.fullmatch(line):
            return spot(file, lines, number, match.start(1) + 1, len(match[1]))
    return Spot(file)


def editable_project(distribution: metadata.Distribution | None) -> Path | None:
    """Return the pyproject.toml of a package that is installed from a folder, in which it can be changed."""
    text = distribution.read_text("direct_url.json") if distribution is not None else None
    try:
        direct = json.loads(text) if text else {}
        if not direct.get("dir_info", {}).get("editable"):
            return None
        file = Path(unquote(urlsplit(direct["url"]).path)) / FILE
    except (ValueError, KeyError, AttributeError):
        return None
    return file if file.is_file() else None


def _header(file: Path, lines: list[str], group: str) -> Spot:
    names = "|".join(re.escape(quoted) for quoted in (group, f'"{group}"', f"'{group}'"))
    header = re.compile(rf"\s*\[\s*project\s*\.\s*entry-points\s*\.\s*({names})\s*\]\s*(?:#.*)?")
    found = [(number, match) for number, line in enumerate(lines, 1) if (match := header.fullmatch(line))]
    if len(found) != 1:
        return Spot(file)
    ((number, match),) = found
    return spot(file, lines, number, match.start(1) + 1, len(match[1]))


def _table(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def modules_with(hook: str, folder: Path) -> Iterator[str]:
    """Name the modules of a folder, and the packages in it, that have a function of a name."""
    for path in sorted(folder.iterdir()):
        file = path / "__init__.py" if path.is_dir() else path
        if file.suffix == ".py" and file.is_file() and f"def {hook}" in file.read_text("utf-8", errors="replace"):
            yield path.stem
