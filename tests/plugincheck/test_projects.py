"""What a pyproject.toml says of a project's plugins."""

from __future__ import annotations

import pytest

from streaming_assets.plugincheck.projects import ProjectFault, entry_point_spot, entry_points, module_folders

WRITTEN = {
    "plain": "[project.entry-points.streaming_assets]\nshop = «»'shop'\n",
    "quoted": '[project.entry-points."streaming_assets"]\n"shop" = «»"shop"\n',
    "spread": "[ project . entry-points . streaming_assets ] # ours\n\n# shop = 'x'\n  shop=«»'shop' # it\n",
    "among others": "[project.entry-points.x]\nshop = 'x'\n[project.entry-points.streaming_assets]\n"
    "shopping = 'y'\nshop = «»'shop'\n[tool.x]\nshop = 'z'\n",
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_an_entry_point_is_found_in_its_file(tmp_path, text):
    """The value of an entry point is found in whichever way TOML lets its table be written."""
    file = tmp_path / "pyproject.toml"
    before = text.partition("«")[0]
    file.write_text(text.replace("«»", ""), "utf-8")

    spot = entry_point_spot(file, "shop")

    assert [point.value for point in entry_points(file) if point.name == "shop"] == ["shop"]
    assert (spot.line, spot.column) == (before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)


def test_an_entry_point_in_an_inline_table_has_its_file(tmp_path):
    """An entry point that stands in a table of one line is told by the file, not by a line that was guessed."""
    file = tmp_path / "pyproject.toml"
    file.write_text("[project]\nentry-points.streaming_assets = { shop = 'shop' }\n", "utf-8")

    assert [point.name for point in entry_points(file)] == ["shop"]
    assert entry_point_spot(file, "shop").line is None


@pytest.mark.parametrize(
    "text", ["project = 1\n", "[project]\nentry-points = 'x'\n", "[project.entry-points]\nx = 1\n", ""]
)
def test_a_file_of_other_values_names_no_plugin(tmp_path, text):
    """Values of unexpected types are as good as none."""
    file = tmp_path / "pyproject.toml"
    file.write_text(text, "utf-8")

    with pytest.raises(ProjectFault) as caught:
        entry_points(file)

    assert caught.value.spot.file == file


def test_folders_are_those_that_are_there(tmp_path):
    """Modules come from where the build backend is told, then from `src`, then from the folder itself."""
    file = tmp_path / "pyproject.toml"
    (tmp_path / "src").mkdir()
    (tmp_path / "lib").mkdir()
    file.write_text('[tool.hatch.build.targets.wheel]\npackages = ["lib/shop", "gone/shop", "src/more"]\n', "utf-8")

    assert module_folders(file) == [tmp_path / "lib", tmp_path / "src", tmp_path]


@pytest.mark.parametrize("text", ["packages = 1", "packages = [1]", 'packages = "x"'])
def test_a_build_backend_is_told_anything(tmp_path, text):
    """What a build backend is told wrongly does not keep a plugin from being looked at."""
    file = tmp_path / "pyproject.toml"
    file.write_text(f"[tool.hatch.build.targets.wheel]\n{text}\n[tool.setuptools]\n{text}\npackage-dir = 1\n", "utf-8")

    assert tmp_path in module_folders(file)
