"""How commits are suited to a file system."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from streaming_assets.errors import StorageRefused
from streaming_assets.lake.mounts import suit_commits_to

NO_LINKS = """
#include <errno.h>
int link(const char *from, const char *to) { errno = ENOSYS; return -1; }
int linkat(int a, const char *from, int b, const char *to, int flags) { errno = ENOSYS; return -1; }
"""

PROGRAM = """
import sys
from pathlib import Path
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from streaming_assets.lake.mounts import suit_commits_to

folder = Path(sys.argv[1])
if sys.argv[2] == "suited":
    assert not suit_commits_to(folder)
table = DeltaTable.create(str(folder / "table"), pa.schema([("n", pa.int64())]))
write_deltalake(table, pa.table({"n": [1]}), mode="append")
print(DeltaTable(str(folder / "table")).version())
"""


@pytest.fixture
def without_links(tmp_path):
    """The environment of a process for which no file system has links, as on a volume of Databricks."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to make a file system without links")
    (tmp_path / "no_links.c").write_text(NO_LINKS)
    library = tmp_path / "no_links.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, tmp_path / "no_links.c"], check=True)
    return {**os.environ, "LD_PRELOAD": str(library)}


def test_without_links_commits_are_renamed(without_links, tmp_path):
    """Where links are not implemented, delta-rs commits only after the folder was looked at."""

    def commit(how: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / how), how]
        return subprocess.run(command, env=without_links, capture_output=True, text=True, check=False)

    assert "os error 38" in commit("as it is").stderr
    suited = commit("suited")
    assert (suited.returncode, suited.stdout.strip()) == (0, "1"), suited.stderr


def test_with_links_nothing_changes(tmp_path, monkeypatch):
    """Where files can be linked, any number of writers stays safe, and nothing is left in the folder."""
    monkeypatch.delenv("MOUNT_ALLOW_UNSAFE_RENAME", raising=False)
    assert suit_commits_to(tmp_path / "lake")
    assert "MOUNT_ALLOW_UNSAFE_RENAME" not in os.environ
    assert list((tmp_path / "lake").iterdir()) == []


def test_a_folder_that_can_not_be_made_is_told(tmp_path):
    """A folder below a file is an error that names it."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageRefused, match="file/lake, can't be written"):
        suit_commits_to(tmp_path / "file" / "lake")
