"""The files that a plugin consists of, read and parsed, and never run."""

from __future__ import annotations

import ast
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata, util
from importlib.machinery import PathFinder
from pathlib import Path

from streaming_assets.plugincheck.projects import entry_point_spot
from streaming_assets.plugincheck.spots import Spot


@dataclass(frozen=True, eq=False)
class Module:
    """A module of a plugin."""

    name: str
    """Its full name."""
    path: Path
    """Its file."""
    lines: list[str]
    """What stands in the file."""
    tree: ast.Module
    """The same, parsed."""


class PluginFiles:
    """The modules of the plugin that an entry point names."""

    def __init__(
        self, entry_point: metadata.EntryPoint, roots: Sequence[Path] = (), project: Path | None = None
    ) -> None:
        """Find them.

        Args:
            entry_point: The plugin's.
            roots: Folders that its modules lie in; of an installed plugin none, as it is found where Python finds it.
            project: Its pyproject.toml, where that is known.
        """
        self.entry_point = entry_point
        self.entry = entry_point.value.partition(":")[0].strip()
        self.written = f'`{entry_point.name} = "{entry_point.value}"`'
        self.project = project
        self._roots = [root.resolve() for root in roots]
        names = {self.entry.partition(".")[0], *_installed(entry_point)} if not roots else set()
        self._places = {name: self._found(name) for name in sorted(names)}
        self.module = cache(self._module)

    def holds(self, file: str) -> bool:
        """Whether a file is one of the plugin's own."""
        path = Path(file).resolve()
        if any(path.is_relative_to(place) for places in self._places.values() for place in places):
            return True
        inside = [path.relative_to(root).parts for root in self._roots if path.is_relative_to(root)]
        return any(not any(part.startswith(".") or part == "site-packages" for part in parts) for parts in inside)

    def written_at(self) -> Spot | None:
        """Return where the entry point stands in pyproject.toml."""
        return entry_point_spot(self.project, self.entry_point.name) if self.project is not None else None

    def file(self) -> Spot | None:
        """Return the file of the module that the entry point names."""
        path = self.path(self.entry)
        return Spot(path) if path is not None else None

    def modules(self) -> list[str]:
        """Return the names of the plugin's modules."""
        tops = [*self._places, *(name for root in self._roots for name in _importable(root))]
        return sorted({name for top in tops for name, _ in self._inside(top)})

    def all(self) -> Iterator[Module]:
        """Give all modules of the package that the entry point names."""
        for name, _ in self._inside(self.entry.partition(".")[0]):
            if (module := self.module(name)) is not None:
                yield module

    def _inside(self, top: str) -> Iterator[tuple[str, Path]]:
        """Give a top-level module, and all modules in it, with their files."""
        for place in self._of(top):
            for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
                inside = path.relative_to(place.parent).with_suffix("").parts
                yield ".".join(inside[:-1] if inside[-1] == "__init__" else inside), path

    def texts(self, ending: str) -> Iterator[tuple[Path, str]]:
        """Give the texts that lie in that package under names of an ending, such as `.sql`."""
        for place in self._of(self.entry.partition(".")[0]):
            for path in sorted(place.rglob(f"*{ending}")) if place.is_dir() else ():
                try:
                    yield path, path.read_text("utf-8")
                except (OSError, ValueError):
                    continue

    def path(self, name: str) -> Path | None:
        """Return the file of a module, if it is one of the plugin's own."""
        top, *inner = name.split(".")
        for place in self._of(top):
            base = place.joinpath(*inner)
            for path in (base / "__init__.py", base.with_suffix(".py"), base):
                if path.is_file():
                    return path
        return None

    def _of(self, top: str) -> list[Path]:
        """Return where a top-level module lies, if it is one of the plugin's own."""
        if top not in self._places and self._roots:
            self._places[top] = self._found(top)
        return self._places.get(top, [])

    def _module(self, name: str) -> Module | None:
        path = self.path(name)
        if path is None:
            return None
        try:
            with tokenize.open(path) as file:  # in the encoding that it declares
                text = file.read()
            with warnings.catch_warnings(action="ignore"):  # Python has told them when the plugin was imported
                return Module(name, path, text.split("\n"), ast.parse(text))
        except (OSError, SyntaxError, ValueError, RecursionError):
            return None

    def _found(self, top: str) -> list[Path]:
        """Return the folders or the file of a top-level module, which is looked for and not imported."""
        try:
            spec = PathFinder.find_spec(top, list(map(str, self._roots))) if self._roots else util.find_spec(top)
        except (ImportError, ValueError, AttributeError):
            return []
        if spec is None:
            return []
        folders = [Path(folder).resolve() for folder in spec.submodule_search_locations or ()]
        return folders or ([Path(spec.origin).resolve()] if spec.origin and spec.origin.endswith(".py") else [])


def _installed(entry_point: metadata.EntryPoint) -> set[str]:
    """Name the top-level modules that were installed with an entry point."""
    files = entry_point.dist.files if entry_point.dist is not None else None
    return {Path(file).parts[0].removesuffix(".py") for file in files or () if file.suffix == ".py"}


def _importable(folder: Path) -> Iterator[str]:
    """Name the modules that can be imported from a folder."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix == ".py" or (path / "__init__.py").is_file():
            yield path.stem
