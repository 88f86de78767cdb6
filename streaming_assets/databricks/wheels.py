"""The wheels that a job installs: the framework's and the plugins', as they are installed here.

A wheel lies at `<volume>/wheels/<hash of its content>/<its name>`, so nothing is uploaded twice, and a job that runs
keeps the files that it was launched with.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Collection, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound

from streaming_assets.databricks.workspace import NOTHING, refusals_told, repeated
from streaming_assets.errors import EngineError
from streaming_assets.settings import is_disabled

FRAMEWORK = "streaming-assets"
GROUP = "streaming_assets"
"""Group of the plugins' entry points."""

_MOMENT = (2020, 1, 1, 0, 0, 0)
"""Time of the files in a wheel: the same content makes the same wheel."""

_NOT_PACKED = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}
"""What an installer adds to a distribution."""


def upload_wheels(client: WorkspaceClient, volume: str, disabled: Collection[str] = ()) -> list[str]:
    """Put the wheels into the volume where they are not there yet; return their paths.

    Args:
        client: The workspace.
        volume: The volume.
        disabled: Names of plugins that are left out.

    Raises:
        EngineError: A wheel can't be made.
        JobError: The workspace refuses them.
    """
    return [_upload(client, volume, *wheel_of(name)) for name in distributions(disabled)]


def distributions(disabled: Collection[str] = ()) -> list[str]:
    """Return the names of the distributions that a job needs: the framework's, and those of all plugins."""
    found = metadata.entry_points(group=GROUP)
    plugins = {each.dist.name for each in found if each.dist is not None and not is_disabled(each, disabled)}
    return [FRAMEWORK, *sorted(plugins - {FRAMEWORK})]


@cache
def wheel_of(name: str) -> tuple[str, bytes]:
    """Make the wheel of an installed distribution; return its file's name and its content.

    Raises:
        EngineError: It can't be made.
    """
    distribution = metadata.distribution(name)
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        return _built(name, Path(unquote(urlsplit(origin["url"]).path)))
    return _packed(name, distribution)


def _built(name: str, folder: Path) -> tuple[str, bytes]:
    """Build the wheel of a checkout that is installed in place."""
    with TemporaryDirectory(prefix="streaming-assets-wheel-") as target:
        uv = os.environ.get("UV") or shutil.which("uv")  # `uv run` tells where it is
        command = (
            [uv, "build", "--wheel", "--quiet", "--out-dir", target, str(folder)]
            if uv
            else [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", target, str(folder)]
        )
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise _unbuildable(name, f"{command[0]} can't be run: {error.strerror}") from None
        made = sorted(Path(target).glob("*.whl"))
        if done.returncode or len(made) != 1:
            raise _unbuildable(name, (done.stderr or done.stdout).strip()[-500:])
        return made[0].name, made[0].read_bytes()


def _packed(name: str, distribution: metadata.Distribution) -> tuple[str, bytes]:
    """Pack the files of an installed distribution into a wheel again (PEP 427)."""
    tag = _tag(distribution.read_text("WHEEL") or "")
    try:
        files = sorted(_files(distribution), key=lambda file: file[0])
    except OSError as error:
        raise _unbuildable(name, f"its installation lacks a file: {error.strerror} ({error.filename})") from None
    folder = next((path.split("/")[0] for path, _ in files if re.fullmatch(r"[^/]+\.dist-info/METADATA", path)), None)
    if not tag or folder is None:
        raise _unbuildable(name, "its installation has no record of its files")
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, data in files:
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.writerow((path, f"sha256={digest}", len(data)))
            wheel.writestr(zipfile.ZipInfo(path, _MOMENT), data, zipfile.ZIP_DEFLATED)
        rows.writerow((f"{folder}/RECORD", "", ""))
        wheel.writestr(zipfile.ZipInfo(f"{folder}/RECORD", _MOMENT), record.getvalue(), zipfile.ZIP_DEFLATED)
    return f"{folder.removesuffix('.dist-info')}-{tag}.whl", content.getvalue()


def _tag(wheel: str) -> str:
    """Return the tag of a wheel's name from the tags that it stands for, as `py2.py3-none-any` stands for two."""
    tags = [line[5:].strip().split("-") for line in wheel.splitlines() if line.startswith("Tag: ")]
    return "-".join(".".join(dict.fromkeys(parts)) for parts in zip(*tags, strict=True))


def _files(distribution: metadata.Distribution) -> Iterator[tuple[str, bytes]]:
    """Give the files that came with a distribution, without scripts and bytecode, which installing makes."""
    for file in distribution.files or ():
        added = file.parent.suffix == ".dist-info" and file.name in _NOT_PACKED
        if file.parts[0] != ".." and file.suffix != ".pyc" and not added:
            yield file.as_posix(), Path(str(file.locate())).read_bytes()


def _upload(client: WorkspaceClient, volume: str, name: str, content: bytes) -> str:
    path = f"{volume}/wheels/{hashlib.sha256(content).hexdigest()[:16]}/{name}"
    with refusals_told(client, f"upload {name}", volume=volume):
        try:
            repeated(client, lambda: client.files.get_metadata(path))
        except NotFound:
            repeated(client, lambda: client.files.upload(path, io.BytesIO(content), overwrite=True))
    return path


def _unbuildable(name: str, found: str) -> EngineError:
    return EngineError(
        f"No wheel can be made of {name}, which a job in the workspace needs.",
        found=found or "nothing was built",
        expected="a distribution that was installed from a wheel, or a checkout that `uv build` or `pip wheel` builds",
        meaning=NOTHING,
        remedy="install it from a wheel, or mend its build",
    )
