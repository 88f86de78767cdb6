"""What a job tells is read as fast as it comes, and only what was written to its end."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("dagster_databricks", reason="engine `databricks` is not installed")

from streaming_assets.databricks.workspace import open_workspace
from streaming_assets.defs.databricks.exchange import MessageReader

pytestmark = pytest.mark.filterwarnings("ignore::dagster.PreviewWarning", "ignore::DeprecationWarning")


@pytest.fixture
def told(workspace):
    """A folder of messages in the volume, and what the reader takes from it at one look."""
    volume = str(workspace.volume)
    folder = workspace.volume / "tmp" / "messages"
    folder.mkdir(parents=True)
    reader = MessageReader(client=open_workspace(), volume_path=volume, interval=60)

    def look() -> list[int] | None:
        found = reader.download_messages(None, {"path": str(folder)})
        return None if found is None else [json.loads(line)["n"] for line in found[1].splitlines()]

    return folder, look


def test_all_that_is_there_is_read_at_once(told):
    """A look takes all files of messages in their order, and the next one those that came since."""
    folder, look = told
    for number in range(1, 31):
        (folder / f"{number}.json").write_text(f'{{"n": {number}}}\n{{"n": {number + 100}}}')
    assert look() == [each for number in range(1, 31) for each in (number, number + 100)]
    assert look() is None
    (folder / "31.json").write_text('{"n": 31}')
    assert look() == [31]


def test_a_file_that_is_being_written_is_left_for_the_next_look(told):
    """A file that ends within a message is read once it is whole, and nothing that comes after it before."""
    folder, look = told
    (folder / "1.json").write_text('{"n": 1}')
    (folder / "3.json").write_text('{"n": 3}')
    for torn in ("", '{"n": 2}\n{"n": '):
        (folder / "2.json").write_text(torn)
        assert look() == ([1] if torn == "" else None)
    (folder / "2.json").write_text('{"n": 2}\n{"n": 20}')
    assert look() == [2, 20, 3]
