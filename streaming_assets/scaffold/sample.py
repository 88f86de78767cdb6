"""A sample file as JSON objects."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from streaming_assets.errors import SampleError

MOST_RECORDS = 10_000
"""Records that are looked at; more do not change what a field is."""

_GZIP = b"\x1f\x8b"

JsonRecord = dict[str, Any]


def read_sample(path: Path) -> list[JsonRecord]:
    """Read the first records of a file: one JSON object a line, or one JSON array of objects; plain or gzip.

    Raises:
        SampleError: The file can't be read, is no JSON, or holds something else than objects.
    """
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if content.startswith(_GZIP) else content).decode("utf-8-sig")
    except OSError as error:
        raise _unusable(path, f"{type(error).__name__}: {error.strerror or error}") from error
    except (EOFError, zlib.error, UnicodeDecodeError) as error:
        raise _unusable(path, f"{type(error).__name__}: {error}") from error
    values = _array(path, text) if text.lstrip().startswith("[") else _lines(path, text)
    records = list(islice(values, MOST_RECORDS))
    if not records:
        raise _unusable(path, "no record")
    return records


def _array(path: Path, text: str) -> Iterator[JsonRecord]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unusable(path, f"no JSON ({error})") from error
    for number, value in enumerate(values, start=1):
        yield _object(path, value, f"item {number}")


def _lines(path: Path, text: str) -> Iterator[JsonRecord]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _unusable(path, f"line {number}, which is no JSON ({error}): {line[:60]}") from error
        yield _object(path, value, f"line {number}")


def _object(path: Path, value: Any, place: str) -> JsonRecord:
    if not isinstance(value, dict):
        raise _unusable(path, f"{place}, which is no object but {json.dumps(value)[:60]}")
    return value


def _unusable(path: Path, found: str) -> SampleError:
    return SampleError(
        f"The sample {path} can't be used.",
        found=found,
        expected="a JSON object on each line, or one JSON array of objects; plain or gzip, in UTF-8",
        meaning="nothing was written",
        remedy="give a file with some recorded events, as they will come",
    )
