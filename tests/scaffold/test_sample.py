"""Sample files become JSON objects, or an error that says what is wrong with them."""

from __future__ import annotations

import gzip
import json

import pytest

from streaming_assets.errors import SampleError
from streaming_assets.scaffold.sample import MOST_RECORDS, read_sample

RECORDS = [{"a": 1}, {"a": "é"}]
LINES = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in RECORDS)


@pytest.mark.parametrize(
    "content",
    [
        LINES.encode(),
        LINES.replace("\n", "\r\n\n").encode(),
        b"\xef\xbb\xbf" + LINES.encode(),
        gzip.compress(LINES.encode()),
        json.dumps(RECORDS, indent=1).encode(),
        gzip.compress(json.dumps(RECORDS).encode()),
    ],
    ids=["lines", "blank lines", "byte order mark", "gzip", "array", "array in gzip"],
)
def test_every_form_gives_the_same_records(tmp_path, content):
    """Lines and arrays, plain and gzip, give the records that they hold."""
    (tmp_path / "sample").write_bytes(content)
    assert read_sample(tmp_path / "sample") == RECORDS


def test_no_more_than_enough_is_read(tmp_path):
    """Of a long file the first records are looked at, whatever stands behind them."""
    (tmp_path / "sample").write_text('{"a": 1}\n' * MOST_RECORDS + "no JSON\n")
    assert len(read_sample(tmp_path / "sample")) == MOST_RECORDS


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "no record"),
        (b"\n\n", "no record"),
        (b"[]", "no record"),
        (b'{"a": 1}\n{"a": \n', "line 2"),
        (b"7\n", "line 1, which is no object but 7"),
        (b'[{"a": 1}, "x"]', 'item 2, which is no object but "x"'),
        (b'[{"a": 1}', "delimiter"),
        (b"a,b,c\n1,2,3\n", "line 1, which is no JSON"),
        (b"[" * 30_000, "no JSON"),
        (b'{"a":' * 30_000, "line 1, which is no JSON"),
        (b"\xff\xfe", "UnicodeDecodeError"),
        (gzip.compress(LINES.encode())[:-9], "EOFError"),
        (b"\x1f\x8bno gzip at all", "BadGzipFile"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, content, found):
    """A file that is no sample is refused with the place and the cause."""
    (tmp_path / "sample").write_bytes(content)
    with pytest.raises(SampleError) as caught:
        read_sample(tmp_path / "sample")
    assert found in caught.value.found


def test_a_file_that_is_not_there_is_named(tmp_path):
    """A missing file is a fault of the sample, too."""
    with pytest.raises(SampleError, match="nowhere"):
        read_sample(tmp_path / "nowhere")
