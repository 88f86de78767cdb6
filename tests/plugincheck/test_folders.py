"""Plugins that are not installed: which layouts are known, and that checking them leaves nothing behind."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from streaming_assets.errors import UnknownSource
from streaming_assets.plugincheck.checking import check
from streaming_assets.registry import load_sources

PLUGIN = """
from streaming_assets import EventSchema, EventSource, Field, ScalarType, SilverTable, Topic, hookimpl

@hookimpl
def register_event_source():
    return EventSource(
        name="shop", title="Shop", description="Sales.", topic=Topic(name="shop"), gold=(),
        schema=EventSchema(fields=(Field(name="at", type=ScalarType.TIMESTAMP),), event_time="at"),
        producer=lambda options: None,
        silver=SilverTable(sql="SELECT at AS t FROM events", columns=(Field(name="t", type=ScalarType.TIMESTAMP),)),
    )
"""

NAMED = '[project.entry-points.streaming_assets]\nshop = "{}"\n'

LAYOUTS = {
    "src": {"pyproject.toml": NAMED.format("shop"), "src/shop/__init__.py": PLUGIN},
    "src with a module": {"pyproject.toml": NAMED.format("shop"), "src/shop.py": PLUGIN},
    "flat": {"pyproject.toml": NAMED.format("shop"), "shop/__init__.py": PLUGIN},
    "flat with a module": {"pyproject.toml": NAMED.format("shop"), "shop.py": PLUGIN},
    "module in a package": {"pyproject.toml": NAMED.format("shop.hook"), "src/shop/hook.py": PLUGIN},
    "hatch": {
        "pyproject.toml": NAMED.format("shop") + '[tool.hatch.build.targets.wheel]\npackages = ["lib/shop"]\n',
        "lib/shop/__init__.py": PLUGIN,
    },
    "setuptools": {
        "pyproject.toml": NAMED.format("shop") + '[tool.setuptools.packages.find]\nwhere = ["lib"]\n',
        "lib/shop/__init__.py": PLUGIN,
    },
    "uv": {
        "pyproject.toml": NAMED.format("shop") + '[tool.uv.build-backend]\nmodule-root = "lib"\n',
        "lib/shop/__init__.py": PLUGIN,
    },
    "no project": {"src/shop.py": PLUGIN},
}


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write files into a folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def state(folder: Path) -> dict[Path, int]:
    """Return all that lies in a folder, with the times of its changes."""
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


@pytest.mark.parametrize("files", LAYOUTS.values(), ids=LAYOUTS)
def test_a_project_is_loaded_from_where_it_lies(tmp_path, files):
    """Plugins of a folder are found in the usual layouts, and the folder is the same afterwards."""
    folder = write(tmp_path / "project", files)
    before, path, modules = state(folder), sys.path[:], set(sys.modules)

    (checked,) = check(str(folder))

    assert (checked.source, checked.findings) == ("shop", ())
    assert state(folder) == before
    assert sys.path == path
    assert {name for name in set(sys.modules) - modules if name.partition(".")[0] == "shop"} == set()


@pytest.mark.parametrize("name", ["shop.py", "src/shop", "src/shop/hook.py"])
def test_a_module_is_checked_by_its_file(tmp_path, name):
    """A module, or the folder of a package, is a plugin without any project around it."""
    files = {"shop.py": PLUGIN, "src/shop/__init__.py": "from shop.hook import register_event_source\n"}
    write(tmp_path, {**files, "src/shop/hook.py": PLUGIN})

    (checked,) = check(str(tmp_path / name))

    assert (checked.source, checked.findings) == ("shop", ())


def test_an_installed_plugin_of_the_same_name_does_not_interfere(tmp_path):
    """A folder with another version of an installed plugin is what is checked, and the installed one stays loaded."""
    installed = load_sources().get("github_events")
    module = "streaming_assets_github_events"
    before = sys.modules[module]
    code = PLUGIN.replace('"shop"', '"github_events"').replace('title="Shop"', 'title=""')
    files = {"pyproject.toml": NAMED.format(module), f"src/{module}/__init__.py": code}
    folder = write(tmp_path / "project", files)

    (checked,) = check(str(folder))

    assert [finding.where for finding in checked.findings] == ["title"]
    assert sys.modules[module] is before
    assert load_sources().get("github_events") == installed


WRONG = {
    "no TOML": ("[project\n", "pyproject.toml", 1, "Expected"),
    "no group": (
        '[project]\nname = "shop"\n',
        "pyproject.toml",
        None,
        "no entry point in the group 'streaming_assets'",
    ),
    "another group": (
        '[project]\nname = "shop"\n\n[project.entry-points."streaming-assets"]\nshop = "shop"\n',
        "pyproject.toml",
        4,
        "the group 'streaming-assets'",
    ),
    "no module": ("[project]\n" + NAMED.format("shoop"), "pyproject.toml", 3, "no module 'shoop'"),
    "no object": ("[project]\n" + NAMED.format("shop:plug"), "pyproject.toml", 3, "no 'plug' in that module"),
    "the hook": (
        "[project]\n" + NAMED.format("shop:register_event_source"),
        "pyproject.toml",
        3,
        '`shop = "shop:register_event_source"`',
    ),
    "no name of a module": ("[project]\n" + NAMED.format("shop plugin"), "pyproject.toml", 3, "shop plugin"),
    "a number": ("[project.entry-points.streaming_assets]\nshop = 1\n", "pyproject.toml", 2, "'shop' with 1"),
}


@pytest.mark.parametrize(("text", "file", "line", "found"), WRONG.values(), ids=WRONG)
def test_a_wrong_entry_point_is_told_by_its_line(tmp_path, text, file, line, found):
    """What is wrong with an entry point is told with its line in pyproject.toml."""
    folder = write(tmp_path / "project", {"pyproject.toml": text, "shop.py": PLUGIN})

    ((finding,),) = [each.findings for each in check(str(folder))]

    assert finding.spot is not None
    assert (finding.spot.file.name, finding.spot.line, finding.where) == (file, line, "entry point")
    assert found in finding.found


def test_an_entry_point_that_names_the_hook_is_told_its_module(tmp_path):
    """Where an entry point goes down to the hook, what should stand there can be copied."""
    text = "[project]\n" + NAMED.format("shop:register_event_source")
    folder = write(tmp_path / "project", {"pyproject.toml": text, "shop.py": PLUGIN})

    ((finding,),) = [each.findings for each in check(str(folder))]

    assert finding.expected.endswith('`shop = "shop"`')


def test_a_module_of_nearly_that_name_is_offered(tmp_path):
    """For a module that is not there, the nearest one that the project has is offered."""
    folder = write(tmp_path / "project", {"pyproject.toml": NAMED.format("shoop"), "src/shop.py": PLUGIN})
    own = write(tmp_path / "own", {"pyproject.toml": NAMED.format("shop"), "shop/__init__.py": "import shop.tabels\n"})
    write(own, {"shop/tables.py": ""})

    expected = [finding.expected for path in (folder, own) for each in check(str(path)) for finding in each.findings]

    assert expected == ["'shop'", "'shop.tables'"]


@pytest.mark.parametrize("files", [{"readme.txt": ""}, {"src/other.py": "X = 1\n"}])
def test_a_folder_without_a_plugin_is_a_fault(tmp_path, files):
    """A folder that is no project, and has no module with a hook, says so."""
    ((finding,),) = [each.findings for each in check(str(write(tmp_path / "project", files)))]

    assert "register_event_source()" in finding.found


def test_the_folder_that_is_meant_by_a_name_is_told(tmp_path, monkeypatch):
    """For the name of a source whose package lies here, as it was written, the command with its path is told."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "streaming-assets-bike-hire").mkdir()
    with pytest.raises(UnknownSource) as caught:
        check("bike_hire")
    assert caught.value.remedy.endswith("`streaming-assets plugins check ./streaming-assets-bike-hire`")


def test_a_path_to_nothing_is_an_error():
    """A path that does not exist is answered as a name is, with what there is."""
    with pytest.raises(UnknownSource, match=r"neither a plugin nor a file or folder '\./github_event'"):
        check("./github_event")
    with pytest.raises(UnknownSource, match="did you mean 'github_events'"):
        check("github.events")


@pytest.mark.parametrize("target", ["~nouser-/x", "~nouser-", "./" + 300 * "a", 300 * "a"])
def test_a_path_that_cannot_be_is_a_path_to_nothing(target):
    """The home of a user that there is not, and a name too long for any file, are answered as what is not there."""
    with pytest.raises(UnknownSource, match="neither a plugin nor a file or folder"):
        check(target)


def test_a_plugin_that_does_not_come_back_is_told_after_its_limit(tmp_path):
    """The time that a plugin of a file may take to be imported is what the caller says."""
    (tmp_path / "waiting.py").write_text("import time\ntime.sleep(600)\n", "utf-8")
    (checked,) = check(str(tmp_path / "waiting.py"), timeout=0.3)
    assert "no end after 0.3 seconds" in checked.error


def test_the_command_that_checks_again_can_be_pasted(tmp_path):
    """Whatever a folder is named, a shell reads the command that is told as meant."""
    folder = tmp_path / "d q's $x"
    folder.mkdir()
    (checked,) = check(str(folder))
    (_, command, _) = checked.remedy.split("`")
    assert shlex.split(command) == ["streaming-assets", "plugins", "check", str(folder)]
