"""Packages that are installed, and whose plugin is not found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from importlib import metadata

from streaming_assets.hookspecs import PROJECT
from streaming_assets.plugincheck.findings import Finding
from streaming_assets.plugincheck.projects import FILE, ProjectFault, editable_project, entry_points
from streaming_assets.plugincheck.spots import Spot

_EXPECTED = f'`[project.entry-points.{PROJECT}]` in {FILE}, and below it `name = "module"`; then install it again'


def misplaced() -> Iterator[tuple[str, str, Finding]]:
    """Give the entry points whose group is nearly ours, as (name, package, what is wrong)."""
    found = metadata.entry_points()
    for group in get_close_matches(PROJECT, found.groups - {PROJECT}, n=9, cutoff=0.8):
        for point in found.select(group=group):
            package = f"{point.dist.name} {point.dist.version}" if point.dist is not None else "a package"
            finding = Finding(
                "entry point", f"the group {group!r}, in which nobody looks", f"the group {PROJECT!r}", _at(point)
            )
            yield point.name, package, finding


def unregistered(name: str) -> Finding | None:
    """Tell why an installed package of a name, or of a plugin's usual name, has no plugin; None without one."""
    wanted = {_normal(name), _normal(f"{PROJECT}-{name}")}
    for distribution in metadata.distributions():
        named_so = isinstance(distribution.metadata["Name"], str) and _normal(distribution.name) in wanted
        if not named_so or distribution.entry_points.select(group=PROJECT):
            continue
        found = (
            f"the package {distribution.name} {distribution.version} without an entry point in the group {PROJECT!r}"
        )
        project = editable_project(distribution)
        try:
            named = [point.name for point in entry_points(project)] if project is not None else []
        except ProjectFault as fault:
            return Finding("entry point", str(fault.found), _EXPECTED, fault.spot)
        if named and project is not None:
            return Finding(
                "entry point",
                f"{found}, but {FILE} has {', '.join(named)}",
                f"`pip install -e {project.parent}`: it was installed before that was written",
                Spot(project),
            )
        return Finding("entry point", found, _EXPECTED)
    return None


def _at(point: metadata.EntryPoint) -> Spot | None:
    project = editable_project(point.dist)
    return Spot(project) if project is not None else None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
