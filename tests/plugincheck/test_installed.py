"""Packages that are installed, and whose plugin is not found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streaming_assets.errors import UnknownSource
from streaming_assets.plugincheck.checking import check
from streaming_assets.plugincheck.installed import misplaced, unregistered


def install(site: Path, name: str, entry_points: str, project: Path | None = None) -> None:
    """Install a package with a file of entry points; from a project's folder, if one is given."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text(entry_points, "utf-8")
    if project is not None:
        direct = {"url": project.as_uri(), "dir_info": {"editable": True}}
        (info / "direct_url.json").write_text(json.dumps(direct), "utf-8")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Give an empty folder of packages, on the import path."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.fixture
def project(tmp_path):
    """Give a project with an entry point, in a folder whose name has a space."""
    folder = tmp_path / "my shop"
    folder.mkdir()
    text = '[project]\nname = "shop"\n\n[project.entry-points.streaming_assets]\nshop = "shoop"  # here\n'
    (folder / "pyproject.toml").write_text(text, "utf-8")
    return folder


def test_groups_of_other_projects_are_left_alone(site):
    """Only a group whose name is nearly ours is told."""
    install(site, "shop", "[pytest11]\na = b\n[console_scripts]\nc = d\n[streaming]\ne = f\n")

    assert list(misplaced()) == []


@pytest.mark.parametrize("group", ["streaming-assets", "streaming_asset", "streaming.assets", "streamingassets"])
def test_a_group_of_nearly_our_name_is_told(site, group):
    """An entry point in a group that was misspelt is told with its package, beside all sound plugins."""
    install(site, "shop", f"[{group}]\nshop = shop\n")

    ((name, package, finding),) = misplaced()

    assert (name, package) == ("shop", "shop 1.0")
    assert (repr(group) in finding.found, finding.expected) == (True, "the group 'streaming_assets'")
    assert [each.name for each in check(None) if each.findings] == ["shop"]


@pytest.mark.parametrize("name", ["streaming-assets-shop", "streaming_assets_shop", "shop"])
def test_a_package_without_our_group_is_told_by_either_name(site, name):
    """A package is found by its name, or by that of its source if it is named as plugins are."""
    install(site, "streaming_assets_shop", "[console_scripts]\na = b\n")

    finding = unregistered(name)

    assert finding is not None
    assert "streaming_assets_shop 1.0" in finding.found


def test_a_package_that_was_installed_too_early_is_told_so(site, project):
    """Where pyproject.toml has the entry point, and what is installed from it has none, it is to be installed again."""
    install(site, "shop", "", project)

    finding = unregistered("shop")

    assert finding is not None
    assert "but pyproject.toml has shop" in finding.found
    assert finding.expected.startswith(f"`pip install -e {project}`")


def test_an_entry_point_of_a_folder_has_its_line(site, project):
    """Of a package that is installed from a folder, a wrong entry point is told by its line in pyproject.toml."""
    install(site, "shop", "[streaming_assets]\nshop = shoop\n", project)

    ((finding,),) = [each.findings for each in check("shop")]

    assert finding.spot is not None
    assert (finding.spot.file, finding.spot.line, finding.spot.column) == (project / "pyproject.toml", 5, 8)
    assert "no module 'shoop'" in finding.found


def test_a_package_whose_plugin_is_found_is_no_fault():
    """The name of a package that has a plugin is no plugin's name, and answered with the nearest."""
    assert unregistered("streaming-assets-github-events") is None
    with pytest.raises(UnknownSource):
        check("streaming-assets-github-events")
