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
        b"\n \n" + json.dumps(RECORDS).encode(),
        gzip.compress(json.dumps(RECORDS).encode()),
    ],
    ids=["lines", "blank lines", "byte order mark", "gzip", "array", "blank lines, array", "array in gzip"],
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
    ("content", "found", "remedy"),
    [
        (b"", "no record", "some recorded events"),
        (b"\n\n", "no record", "some recorded events"),
        (b"[]", "no record", "some recorded events"),
        (b'{"a": 1}\n{"a": \n', "line 2", "on one line"),
        (b'{\n  "a": 1\n}\n', "line 1", "on one line"),
        (b'{"a": nope}\n', "line 1", "some recorded events"),
        (b"7\n", "line 1, which is no object but 7", "some recorded events"),
        (b'[{"a": 1}, "x"]', 'item 2, which is no object but "x"', "some recorded events"),
        (b'[{"a": 1}', "delimiter", "some recorded events"),
        (b"a,b,c\n1,2,3\n", "line 1, which is no JSON", "turn each row into a JSON object"),
        (b"[" * 30_000, "no JSON", "some recorded events"),
        (b'{"a":' * 30_000, "line 1, which is no JSON", "some recorded events"),
        ('{"a": "ä"}'.encode("latin-1"), "0xe4", "iconv -f LATIN1 -t UTF-8"),
        (LINES.encode("utf-16"), "UTF-16", "iconv -f UTF-16 -t UTF-8"),
        (LINES.encode("utf-16-le"), "UTF-16", "iconv -f UTF-16 -t UTF-8"),
        (LINES.encode("utf-16-be"), "UTF-16", "iconv -f UTF-16 -t UTF-8"),
        (LINES.encode("utf-32"), "UTF-32", "iconv -f UTF-32 -t UTF-8"),
        (LINES.encode("utf-32-le"), "UTF-32", "iconv -f UTF-32 -t UTF-8"),
        (LINES.encode("utf-32-be"), "UTF-32", "iconv -f UTF-32 -t UTF-8"),
        (b"PK\x03\x04\x00", "a zip archive", "unpack"),
        (gzip.compress(gzip.compress(LINES.encode())), "packed by gzip twice", "unpack"),
        (gzip.compress(b"PAR1\x15"), "a Parquet file", "convert"),
        (gzip.compress(LINES.encode())[:-9], "damaged gzip", "again"),
        (b"\x1f\x8bno gzip at all", "damaged gzip", "again"),
    ],
    ids=lambda value: value if isinstance(value, str) else "bytes",  # gzip has the time in it
)
def test_what_is_wrong_is_named(tmp_path, content, found, remedy):
    """A file that is no sample is refused with the place and the cause, and with what to do about that cause."""
    (tmp_path / "sample").write_bytes(content)
    with pytest.raises(SampleError) as caught:
        read_sample(tmp_path / "sample")
    assert (found in caught.value.found, remedy in caught.value.remedy) == (True, True), caught.value


@pytest.mark.parametrize(("name", "remedy"), [("nowhere", "/nowhere"), (".", "one of the files in that folder")])
def test_what_is_no_file_is_named(tmp_path, name, remedy):
    """Of a file that is not there the whole path is told, and of a folder that a file of it is meant."""
    with pytest.raises(SampleError, match="can't be read") as caught:
        read_sample(tmp_path / name)
    assert remedy in caught.value.remedy
