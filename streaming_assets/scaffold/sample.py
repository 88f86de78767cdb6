"""A sample file as JSON objects."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from streaming_assets.errors import SampleError

MOST_RECORDS = 10_000
"""Records that are looked at; more do not change what a field is."""

_GZIP = b"\x1f\x8b"
_FORMATS = {
    b"PK\x03\x04": "a zip archive",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
    b"BZh": "packed by bzip2",
    _GZIP: "packed by gzip twice",
    b"\xfd7zXZ": "packed by xz",
    b"PAR1": "a Parquet file",
    b"Obj\x01": "an Avro file",
}
"""How files begin that people have events in, and that are no text."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SHOWN = 60

_REMEDY = "give a file with some recorded events, as they will come"
_UNPACK = "unpack the file, or convert it to JSON with an object on each line"
_RECODE = "write the file in UTF-8, such as by `iconv -f {encoding} -t UTF-8`"
_ONE_LINE = "write each object on one line, such as by `jq -c .`, and leave out what is cut off"
_CSV = 'turn each row into a JSON object on a line of its own, such as {"column": "value"}'

JsonRecord = dict[str, Any]


def read_sample(path: Path) -> list[JsonRecord]:
    """Read the first records of a file: one JSON object a line, or one JSON array of objects; plain or gzip.

    Raises:
        SampleError: The file can't be read, is no JSON, or holds something else than objects.
    """
    try:
        with path.open("rb") as file:
            records = list(islice(_records(path, file), MOST_RECORDS))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise _unusable(path, f"damaged gzip ({error})", "pack or fetch the file again") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    except UnicodeDecodeError as error:
        found = f"the byte 0x{error.object[error.start]:02x}, which is no UTF-8 ({error.reason})"
        raise _unusable(path, found, _RECODE.format(encoding="LATIN1")) from error
    if not records:
        raise _unusable(path, "no record")
    return records


def _records(path: Path, file: io.BufferedReader) -> Iterator[JsonRecord]:
    stream = gzip.GzipFile(fileobj=file) if file.peek(len(_GZIP)).startswith(_GZIP) else file
    _expect_text(path, stream.peek(8))
    with io.TextIOWrapper(stream, "utf-8-sig", newline="\n") as text:
        lines = ((number, line) for number, line in enumerate(text, start=1) if line.strip())
        first, line = next(lines, (1, ""))
        if line.lstrip().startswith("["):
            yield from _array(path, line + text.read())
            return
        for number, each in chain([(first, line)] if line else [], lines):
            yield _object(path, _parsed(path, each, number), f"line {number}")


def _expect_text(path: Path, head: bytes) -> None:
    """Refuse what begins as another format or encoding does."""
    for magic, name in _FORMATS.items():
        if head.startswith(magic):
            raise _unusable(path, name, _UNPACK)
    # JSON begins with ASCII, of which every character has one byte that is zero in UTF-16, and three in UTF-32.
    for found, encoding in ((b"\0\0" in head[:4], "UTF-32"), (head.startswith(_UTF16) or 0 in head[:2], "UTF-16")):
        if found:
            raise _unusable(path, encoding, _RECODE.format(encoding=encoding))


def _array(path: Path, text: str) -> Iterator[JsonRecord]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unusable(path, f"no JSON ({error})") from error
    for number, value in enumerate(values, start=1):
        yield _object(path, value, f"item {number}")


def _parsed(path: Path, line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        remedy = _REMEDY
        if line.lstrip().startswith("{") and getattr(error, "pos", 0) >= len(line.rstrip()):
            remedy = _ONE_LINE
        elif number == 1 and any(separator in line for separator in ",;\t") and "{" not in line:
            remedy = _CSV
        found = f"line {number}, which is no JSON ({error}): {line[:_SHOWN].rstrip()}"
        raise _unusable(path, found, remedy) from error


def _object(path: Path, value: Any, place: str) -> JsonRecord:
    if not isinstance(value, dict):
        raise _unusable(path, f"{place}, which is no object but {json.dumps(value)[:_SHOWN]}")
    return value


def _unusable(path: Path, found: str, remedy: str = _REMEDY) -> SampleError:
    return SampleError(
        f"The sample {path} can't be used.",
        found=found,
        expected="a JSON object on each line, or one JSON array of objects; plain or gzip, in UTF-8",
        meaning="nothing was written",
        remedy=remedy,
    )


def _unreadable(path: Path, error: OSError) -> SampleError:
    remedies = {
        FileNotFoundError: f"check the name; it was looked for at {path.absolute()}",
        IsADirectoryError: "name one of the files in that folder",
        PermissionError: "let this user read the file, or copy it to where that is so",
    }
    return SampleError(
        f"The sample {path} can't be read.",
        found=error.strerror or str(error),
        expected="a file with recorded events",
        meaning="nothing was written",
        remedy=remedies.get(type(error), "try again, or copy the file to another place first"),
    )
