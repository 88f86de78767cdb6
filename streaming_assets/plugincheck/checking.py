"""Checking plugins: those that are installed, or those of a folder or file that is not."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from streaming_assets.errors import UnknownSource
from streaming_assets.plugincheck.findings import Finding, findings
from streaming_assets.plugincheck.folders import Folder, importing, plugins_at
from streaming_assets.plugincheck.installed import misplaced, unregistered
from streaming_assets.plugincheck.projects import ProjectFault, editable_project
from streaming_assets.registry import BrokenPlugin, Registry, load_sources
from streaming_assets.settings import LOAD_SECONDS
from streaming_assets.sqlcheck.problems import nearest


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check of one plugin gave."""

    name: str
    """Name of its entry point; of a project that names none, the project's folder."""
    source: str | None
    """Name of its source, if it has no fault."""
    package: str | None = None
    """The package that it is installed with."""
    moment: str | None = None
    """What was done when it failed."""
    error: str | None = None
    """Why it is left out, as one text."""
    findings: tuple[Finding, ...] = ()
    """Its faults."""
    remedy: str | None = None
    """What to do about them."""
    disabled: bool = False
    """Whether the settings say that it is not loaded, so that nothing is known of it."""


def check(
    target: str | None, installed: Callable[[], Registry] = load_sources, *, timeout: float = LOAD_SECONDS
) -> list[Checked]:
    """Check all installed plugins, the one of a name, or those of a folder or file, which stays as it is.

    Args:
        target: Name of an entry point or source that is installed, or a path; None for all that are installed.
        installed: Loads the installed plugins.
        timeout: Seconds that a plugin of a path may take to be imported, and again to define its source.

    Raises:
        UnknownSource: It is neither.
    """
    path = Path(os.path.expanduser(target or ""))  # noqa: PTH111 - Path's stops where there is no such user
    there = os.path.exists(path)  # noqa: PTH110 - Path's stops at names that no file can have
    if target is not None and _is_path(target) and there:
        return _check_path(path, target, timeout)
    checked = _results(installed()) + misplaced_plugins()
    if target is None:
        return checked
    named = [each for each in checked if target in {each.name, each.source}]
    if named:
        return named
    if there:
        return _check_path(path, target, timeout)
    if (finding := unregistered(target)) is not None:
        return [_alone(target, finding)]
    raise _unknown(target, checked)


def misplaced_plugins() -> list[Checked]:
    """Tell the installed entry points that stand in a group whose name is nearly the right one."""
    return [_alone(name, finding, package) for name, package, finding in misplaced()]


def _is_path(target: str) -> bool:
    separators = {os.sep, os.altsep or os.sep, "/", "."}
    return target.startswith("~") or any(each in target for each in separators)


def _results(registry: Registry, roots: Sequence[Path] = (), folder: Folder | None = None) -> list[Checked]:
    sound = [
        Checked(registry.entry_points[name].name, name, _package(registry.entry_points[name]))
        for name in registry.sources
    ]
    broken = [_broken(plugin, roots, folder) for plugin in registry.broken]
    disabled = [Checked(name, None, disabled=True) for name in registry.disabled]
    return sorted([*sound, *broken, *disabled], key=lambda each: each.source or each.name)


def _broken(plugin: BrokenPlugin, roots: Sequence[Path], folder: Folder | None) -> Checked:
    project = folder.project if folder is not None else editable_project(plugin.entry_point.dist)
    name = plugin.name
    return Checked(
        name=name,
        source=None,
        package=_package(plugin.entry_point),
        moment=plugin.moment,
        error=str(plugin.error),
        findings=tuple(findings(plugin, roots, project)),
        remedy=_remedy(folder.named if folder is not None else name),
    )


def _alone(name: str, finding: Finding, package: str | None = None) -> Checked:
    text = f"{finding.where}: found {finding.found}, expected {finding.expected}"
    return Checked(name, None, package, "registration", text, (finding,), _remedy(name))


def _remedy(target: str) -> str:
    return f"fix what is named above, then run `streaming-assets plugins check {shlex.quote(target)}`"


def _package(entry_point: metadata.EntryPoint) -> str | None:
    return f"{entry_point.dist.name} {entry_point.dist.version}" if entry_point.dist is not None else None


def _check_path(path: Path, named: str, timeout: float) -> list[Checked]:
    try:
        folder = plugins_at(path, named)
    except ProjectFault as fault:
        finding = Finding("entry point", str(fault.found), str(fault.expected), fault.spot)
        return [_alone(named, finding)]
    with importing(folder):
        return _results(load_sources(timeout=timeout, entry_points=folder.entry_points), folder.roots, folder)


def _unknown(target: str, checked: Sequence[Checked]) -> UnknownSource:
    names = sorted({name for each in checked for name in (each.name, each.source) if name is not None})
    near = nearest(target, names)
    hint = f"did you mean {near}? " if near else ""
    command = f"streaming-assets plugins check ./{_folder_of(target) or 'shop'}"
    return UnknownSource(
        f"There is neither a plugin nor a file or folder {target!r}.",
        expected=f"one of: {', '.join(names)}" if names else "a path, as no plugin is installed",
        remedy=f"{hint}A plugin that is not installed is checked by its path: `{command}`",
    )


def _folder_of(target: str) -> str | None:
    """Return the name of a project's folder here that is named after a source, as `plugins new` names it."""
    name = f"streaming-assets-{target.replace('_', '-')}"
    with suppress(OSError):  # a name too long for any file, a folder that can't be read
        if target.isidentifier() and Path(name).is_dir():
            return name
    return None
