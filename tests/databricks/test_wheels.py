"""Wheels of what is installed: packed again, or built from a checkout."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.utils import parse_wheel_filename

from streaming_assets.errors import EngineError

wheels = pytest.importorskip("streaming_assets.databricks.wheels", exc_type=ImportError)


@pytest.fixture
def pluggy():
    """The wheel of a distribution that was installed from one."""
    name, content = wheels.wheel_of("pluggy")
    return name, zipfile.ZipFile(io.BytesIO(content)), content


def test_a_packed_wheel_can_be_imported(pluggy, tmp_path):
    """What is installed makes a wheel of the same name and version, whose package works from it alone."""
    name, wheel, _ = pluggy
    version = metadata.version("pluggy")
    assert name == f"pluggy-{version}-py3-none-any.whl"
    wheel.extractall(tmp_path)
    program = "import pluggy, importlib.metadata as m; print(pluggy.__file__, m.version('pluggy'))"
    command = [sys.executable, "-S", "-c", program]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(tmp_path)}, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(tmp_path / "pluggy" / "__init__.py"), version]


def test_a_packed_wheel_records_its_files(pluggy):
    """Every file but the record itself stands in it with its hash, and nothing that an installer made is packed."""
    _, wheel, _ = pluggy
    (record,) = [name for name in wheel.namelist() if name.endswith(".dist-info/RECORD")]
    rows = {path: digest for path, digest, _ in csv.reader(io.StringIO(wheel.read(record).decode()))}
    assert set(rows) == set(wheel.namelist())
    for path, digest in rows.items():
        content = hashlib.sha256(wheel.read(path)).digest()
        assert digest in {"", f"sha256={base64.urlsafe_b64encode(content).rstrip(b'=').decode()}"}
    assert not {"INSTALLER", "REQUESTED"} & {path.rsplit("/", 1)[-1] for path in rows}
    assert [path for path in rows if path.endswith(".pyc")] == []


def test_the_same_installation_makes_the_same_wheel(pluggy):
    """A wheel that is made twice is equal to the byte, so its hash finds it in the volume."""
    name, _, content = pluggy
    assert wheels._packed("pluggy", metadata.distribution("pluggy")) == (name, content)


def test_the_framework_and_all_plugins_are_needed():
    """A job needs the framework first, then the distribution of each plugin that is not disabled."""
    assert wheels.distributions() == [
        "streaming-assets",
        "streaming-assets-github-events",
        "streaming-assets-user-interactions",
    ]
    assert wheels.distributions({"github_events"}) == ["streaming-assets", "streaming-assets-user-interactions"]


def test_an_installation_without_a_record_is_told(tmp_path, monkeypatch):
    """A distribution whose files nobody recorded makes no wheel, and is named."""
    info = tmp_path / "loose-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: loose\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EngineError, match="No wheel can be made of loose") as raised:
        wheels.wheel_of("loose")
    assert raised.value.found == "its installation has no record of its files"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a distribution of some files, as an installer of wheels leaves it; returns where."""

    def install(wheel: str, files: dict[str, str]) -> Path:
        info = "odd-1.0.dist-info"
        metadata_ = "Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n"
        files = {**files, f"{info}/METADATA": metadata_, f"{info}/WHEEL": wheel, f"{info}/INSTALLER": "pip\n"}
        files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        return tmp_path

    return install


def test_a_wheel_of_several_tags_keeps_them(installed):
    """A wheel for more than one kind of Python or platform is named so that pip installs it on each of them."""
    tags = ["py2-none-any", "py3-none-any"]
    installed("Wheel-Version: 1.0\n" + "".join(f"Tag: {tag}\n" for tag in tags), {"odd.py": ""})
    name, _ = wheels._packed("odd", metadata.distribution("odd"))
    assert name == "odd-1.0-py2.py3-none-any.whl"
    assert {str(tag) for tag in parse_wheel_filename(name)[3]} == set(tags)


def test_what_a_package_carries_is_packed(installed):
    """What another distribution left within a package is neither the wheel's own name nor left out of it."""
    files = {"a/vendored-2.dist-info/METADATA": "Name: vendored\n", "a/RECORD": "data", "a/__init__.py": ""}
    installed("Tag: py3-none-any\n", files)
    name, content = wheels._packed("odd", metadata.distribution("odd"))
    names = set(zipfile.ZipFile(io.BytesIO(content)).namelist())
    assert name == "odd-1.0-py3-none-any.whl"
    assert files.keys() <= names
    assert "odd-1.0.dist-info/INSTALLER" not in names


def test_an_installation_that_lacks_a_file_is_told(installed):
    """A file that was recorded and deleted is named, and not left out."""
    (installed("Tag: py3-none-any\n", {"odd.py": ""}) / "odd.py").unlink()
    with pytest.raises(EngineError, match="No wheel can be made of odd") as raised:
        wheels._packed("odd", metadata.distribution("odd"))
    assert "odd.py" in raised.value.found


def test_a_builder_that_is_not_there_is_told(tmp_path, monkeypatch):
    """Where `UV` names no program, the checkout's wheel can't be built, and the program is named."""
    monkeypatch.setenv("UV", str(tmp_path / "uv"))
    with pytest.raises(EngineError, match="No wheel can be made of odd") as raised:
        wheels._built("odd", tmp_path)
    assert str(tmp_path / "uv") in raised.value.found
