"""Folders that stand for object storage, such as a Databricks volume: they know no links, by which delta-rs commits.

delta-rs writes a commit to a file of another name and links it, so that of two writers one comes too late. Where there
are no links it gives up ("Function not implemented", os error 38), unless it is told to look whether the name is free
and then to rename. Between the two lies a moment in which another writer's commit would be lost, so such a folder needs
what sees to it that one process at a time writes a table: in Dagster, a source's pool.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from streaming_assets.errors import StorageRefused

_RENAMES = "MOUNT_ALLOW_UNSAFE_RENAME"
"""Environment variable by which delta-rs (crate deltalake-mount) is told to rename."""


def suit_commits_to(folder: Path) -> bool:
    """Let this process commit to tables in a folder in the way that its file system allows.

    Args:
        folder: The folder; it is made where it does not exist.

    Returns:
        Whether commits are links, so that any number of writers is safe.

    Raises:
        StorageRefused: The folder can't be written, or its files can't be renamed.
    """
    name = f".{uuid4().hex}"
    first, second, third = (folder / f"{name}.{number}" for number in range(3))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        first.write_bytes(b"")
        linked = _link(first, second)
        if not linked:
            first.rename(third)
            os.environ[_RENAMES] = "true"
    except OSError as error:
        raise StorageRefused(
            f"The folder of the tables, {folder}, can't be written.",
            found=f"{error.strerror or error} ({error.filename or folder})",
            expected="a folder in which files can be made, and linked or at least renamed",
            meaning="nothing was read or written",
            remedy="let who runs this write there; on Databricks, WRITE VOLUME and a runtime of 16.4 or later",
        ) from error
    finally:
        for path in (first, second, third):
            with suppress(OSError):
                path.unlink()
    return linked


def _link(file: Path, target: Path) -> bool:
    try:
        target.hardlink_to(file)
    except OSError:
        return False
    return True
