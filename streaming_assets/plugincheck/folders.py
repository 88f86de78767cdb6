"""Plugins that are not installed: in a project's folder, or in a file. Loading them leaves nothing behind."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from streaming_assets.hookspecs import PROJECT
from streaming_assets.plugincheck.projects import FILE, ProjectFault, entry_points, module_folders, modules_with
from streaming_assets.plugincheck.spots import Spot
from streaming_assets.registry import HOOK


@dataclass(frozen=True, slots=True)
class Folder:
    """Plugins that lie in a folder."""

    named: str
    """The path, as it was given."""
    entry_points: tuple[metadata.EntryPoint, ...]
    """The plugins."""
    roots: tuple[Path, ...]
    """The folders that their modules are imported from."""
    project: Path | None = None
    """The pyproject.toml that names them."""


def plugins_at(path: Path, named: str) -> Folder:
    """Return the plugins of a project's folder, of a folder of modules, or of a module.

    Raises:
        ProjectFault: No plugin is there.
    """
    path = path.resolve()
    if path.name == FILE or (path / FILE).is_file():
        project = path if path.is_file() else path / FILE
        return Folder(named, tuple(entry_points(project)), tuple(module_folders(project)), project)
    if path.is_file() or (path / "__init__.py").is_file():
        return _of_module(path, named)
    root = path / "src" if (path / "src").is_dir() else path
    found = tuple(metadata.EntryPoint(name, name, PROJECT) for name in modules_with(HOOK, root))
    if not found:
        raise ProjectFault(
            f"neither a {FILE} nor a module with {HOOK}()", "the folder of a plugin's project", Spot(path)
        )
    return Folder(named, found, (root,))


def _of_module(path: Path, named: str) -> Folder:
    """Return the plugin that a file, or the folder of a package, is."""
    names = [path.stem if path.is_file() else path.name]
    if (path.is_file() and path.suffix != ".py") or not names[0].isidentifier():
        raise ProjectFault(f"{path.name!r}", "the file of a module, such as `shop.py`", Spot(path))
    root = path.parent
    while (root / "__init__.py").is_file():
        names.insert(0, root.name)
        root = root.parent
    if names[-1] == "__init__":
        names.pop()
    return Folder(named, (metadata.EntryPoint(names[-1], ".".join(names), PROJECT),), (root,))


@contextmanager
def importing(folder: Folder) -> Iterator[None]:
    """Let modules be imported from a folder before all others, and write nothing there.

    What is installed, or was imported, under the same names is put aside meanwhile.
    """
    hidden = {point.value.partition(":")[0].partition(".")[0].strip() for point in folder.entry_points} - {PROJECT}
    before, path, writes_none = dict(sys.modules), sys.path[:], sys.dont_write_bytecode
    for name in [name for name in before if name.partition(".")[0] in hidden]:
        del sys.modules[name]
    sys.path[:0] = map(str, folder.roots)
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:], sys.dont_write_bytecode = path, writes_none
        for name, module in list(sys.modules.items()):
            if name not in before and _lies_in(module, folder):
                del sys.modules[name]
        sys.modules.update({name: module for name, module in before.items() if name.partition(".")[0] in hidden})


def _lies_in(module: object, folder: Folder) -> bool:
    places = [getattr(module, "__file__", None) or "", *(getattr(module, "__path__", None) or ())]
    return any(Path(place).is_relative_to(root) for place in places if isinstance(place, str) for root in folder.roots)
