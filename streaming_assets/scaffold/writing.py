"""The files of a new source's package."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from streaming_assets.contract import Field, ScalarType, Struct
from streaming_assets.errors import Fault, SampleError
from streaming_assets.scaffold.code import Bracketed, declared, escaped, layout, several, text
from streaming_assets.scaffold.definition import NewSource
from streaming_assets.scaffold.proposal import ADDED_ID, Proposal, without_id
from streaming_assets.scaffold.sample import JsonRecord
from streaming_assets.validation.source import name_faults

_SAMPLE_RECORDS = 1_000
_SAMPLE_BYTES = 2**20
_COMMENT_WIDTH = 118
_MOST_REMARKS = 50


def expect_name(name: str) -> None:
    """Refuse a name that no source can have, or no package.

    Raises:
        SampleError: It is none.
    """
    for fault in [*name_faults(name), *_package_faults(name)]:
        raise SampleError(
            f"A source can't have the name {name!r}.",
            found=fault.found,
            expected=fault.expected,
            meaning="nothing was written",
            remedy="choose another name",
        )


def _package_faults(name: str) -> Iterator[Fault]:
    if name.endswith("_"):
        yield Fault("name", repr(name), "a letter or digit at its end, as the name of a package has")


def expect_free(folder: Path) -> None:
    """Refuse a folder that is there, or can't be.

    Raises:
        SampleError: It is, or its name is one that no folder can have.
    """
    try:
        there = folder.exists() or folder.is_symlink()
    except OSError as error:
        raise _unwritable(folder, error) from error
    if there:
        raise SampleError(
            f"The folder {folder} is there already.",
            expected="a folder that is not there yet",
            meaning="nothing was written",
            remedy="choose another one by --folder, or move this one away",
        )


def write_package(source: NewSource, records: Sequence[JsonRecord], folder: Path) -> list[Path]:
    """Write the package of a source, as a whole or not at all.

    Args:
        source: The source.
        records: The sample's records; the first go into the package.
        folder: The package's folder, which must not be there.

    Returns:
        The files, in the order in which a reader should look at them.

    Raises:
        SampleError: The folder is there, or can't be written.
    """
    expect_free(folder)
    try:
        with _whole(folder) as place:
            return [folder / file.relative_to(place) for file in _write(source, records, place)]
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> SampleError:
    return SampleError(
        f"The folder {folder} can't be written.",
        found=f"{type(error).__name__}: {error.strerror}",
        expected="a place that can be written to, with room",
        meaning="nothing was written",
        remedy="make room, or choose another place by --folder",
    )


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Give a place beside a folder that takes its name at the end; where that is not reached, nothing stays."""
    wanted = Path(os.path.normpath(folder.absolute()))
    base = next(each for each in wanted.parents if each.is_dir())
    inside = wanted.relative_to(base)
    with TemporaryDirectory(prefix=".streaming-assets-", dir=base) as beside:
        place = beside / inside
        place.mkdir(parents=True)
        yield place
        # Missing folders around it, too, are made by this.
        (beside / Path(inside.parts[0])).rename(base / inside.parts[0])


def _write(source: NewSource, records: Sequence[JsonRecord], folder: Path) -> list[Path]:
    environment = Environment(
        loader=PackageLoader("streaming_assets.scaffold", "template"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - what is written is Python, TOML and Markdown
    )
    environment.filters |= {"text": text, "escaped": escaped}
    values, written = _values(source), []
    for template, path in _files(source, folder):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(environment.get_template(template).render(values), "utf-8")
        written.append(path)
    inside = folder / "src" / source.module
    marker, recorded = inside / "py.typed", inside / "sample.jsonl"
    marker.touch()
    recorded.write_text("".join(_lines(records)), "utf-8")
    return [*written, marker, recorded]


def _files(source: NewSource, folder: Path) -> Iterator[tuple[str, Path]]:
    inside = folder / "src" / source.module
    for name in ("schema.py", "silver.py", "gold.py", "producer.py", "__init__.py"):
        yield f"src/{name}.jinja", inside / name
    yield "test_conforms.py.jinja", folder / "tests" / "test_conforms.py"
    for name in ("README.md", "pyproject.toml"):
        yield f"{name}.jinja", folder / name


def _lines(records: Sequence[JsonRecord]) -> Iterator[str]:
    size = 0
    for record in records[:_SAMPLE_RECORDS]:
        line = json.dumps(record) + "\n"
        if size and size + len(line) > _SAMPLE_BYTES:
            return
        size += len(line)
        yield line


def _values(source: NewSource) -> dict[str, Any]:
    proposal, definition = source.proposal, source.definition
    (table,) = definition.gold
    (chart,) = table.charts
    drawn = [
        (f"{name}=", text(value)) for name in ("kind", "title", "x", "y", "series") if (value := getattr(chart, name))
    ]
    return {
        "definition": definition,
        "title": definition.title,
        "module": source.module,
        "distribution": source.distribution,
        "setting": f"STREAMING_ASSETS_{definition.name.upper()}",
        "items": proposal.items,
        "added_id": ADDED_ID if proposal.adds_id else None,
        "remarks": [
            line for each in _remarks(proposal) for line in wrap(_ascii(each), _COMMENT_WIDTH, break_on_hyphens=False)
        ],
        "topic": layout(Bracketed("Topic(", [("name=", text(definition.topic.name))]), before=len("TOPIC = "), after=0),
        "nested": any(isinstance(each.type, Struct) for each in proposal.fields),
        "fields": _rows(proposal.fields, before="fields="),
        "silver_columns": _rows(definition.silver.columns, before="columns="),
        "table": table,
        "gold_columns": _rows(table.columns, before="columns="),
        "keys": layout(several([text(key) for key in table.keys]), indent=4, before=len("keys=")),
        "charts": layout(several([Bracketed("Chart(", drawn)]), indent=4, before=len("charts=")),
    }


def _remarks(proposal: Proposal) -> Iterator[str]:
    """Yield what a reader of the schema should know besides."""
    missing = without_id(proposal, "event_id= in SCHEMA names")
    if missing:
        yield missing
    hashed = [
        leaf.path for leaf in proposal.personal if leaf.type is ScalarType.STRING and leaf.path != proposal.event_id
    ]
    others = [leaf.path for leaf in proposal.personal if leaf.path not in hashed]
    if hashed:
        named = ", ".join(map(text, hashed)) + ("," if len(hashed) == 1 else "")
        yield f"May be personal data. To have it leave Bronze as keyed hashes only, give SCHEMA pseudonymous=({named})"
    if others:
        yield f"May be personal data that can't be hashed, as it is no text or the id: {', '.join(others)}."
    for each in proposal.left_out[:_MOST_REMARKS]:
        yield f"Left out: {each}."
    if len(proposal.left_out) > _MOST_REMARKS:
        yield f"Left out: {len(proposal.left_out) - _MOST_REMARKS:,} more."


def _ascii(text: str) -> str:
    """Return a text as a comment can have it: other letters look like these, or turn the direction."""
    return text.encode("ascii", "backslashreplace").decode()


def _rows(fields: Sequence[Field], *, before: str) -> str:
    return layout(several([declared(each) for each in fields], spread=True), indent=4, before=len(before))
