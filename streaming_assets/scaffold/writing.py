"""The files of a new source's package."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from streaming_assets.contract import EventSource, Field, Struct
from streaming_assets.errors import SampleError
from streaming_assets.scaffold.code import Bracketed, declared, layout, several, text
from streaming_assets.scaffold.definition import NewSource
from streaming_assets.scaffold.proposal import ADDED_ID
from streaming_assets.scaffold.sample import JsonRecord
from streaming_assets.validation.source import name_faults

_SAMPLE_RECORDS = 1_000
_SAMPLE_BYTES = 2**20
_COMMENT_WIDTH = 118


def expect_name(name: str) -> None:
    """Refuse a name that no source can have.

    Raises:
        SampleError: It is none.
    """
    for fault in name_faults(name):
        raise SampleError(
            f"A source can't have the name {name!r}.",
            found=fault.found,
            expected=fault.expected,
            meaning="nothing was written",
            remedy="choose another name",
        )


def write_package(
    source: NewSource, definition: EventSource, records: Sequence[JsonRecord], folder: Path
) -> list[Path]:
    """Write the package of a source.

    Args:
        source: The source.
        definition: Its definition.
        records: The sample's records; the first go into the package.
        folder: The package's folder, which must not be there.

    Returns:
        The files, in the order in which a reader should look at them.

    Raises:
        SampleError: The folder is there, or can't be made.
    """
    folder = folder.expanduser()
    if folder.exists() or folder.is_symlink():
        raise SampleError(
            f"The folder {folder} is there already.",
            expected="a folder that is not there yet",
            meaning="nothing was written",
            remedy="choose another one by --folder, or move this one away",
        )
    environment = Environment(
        loader=PackageLoader("streaming_assets.scaffold", "template"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - what is written is Python, TOML and Markdown
    )
    environment.filters["text"] = text
    values = _values(source, definition)
    try:
        (folder / "src" / source.module).mkdir(parents=True)
    except OSError as error:
        raise SampleError(
            f"The folder {folder} can't be made.",
            found=f"{type(error).__name__}: {error.strerror}",
            expected="a place that can be written to",
            meaning="nothing was written",
            remedy="choose another one by --folder",
        ) from error
    written = []
    for template, path in _files(source, folder):
        path.write_text(environment.get_template(template).render(values), "utf-8")
        written.append(path)
    inside = folder / "src" / source.module
    (inside / "py.typed").touch()
    (inside / "sample.jsonl").write_text("".join(_lines(records)), "utf-8")
    return [*written, inside / "sample.jsonl"]


def _files(source: NewSource, folder: Path) -> Iterator[tuple[str, Path]]:
    inside = folder / "src" / source.module
    for name in ("schema.py", "silver.py", "gold.py", "producer.py", "__init__.py"):
        yield f"src/{name}.jinja", inside / name
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


def _values(source: NewSource, definition: EventSource) -> dict[str, Any]:
    proposal, (table,) = source.proposal, definition.gold
    (chart,) = table.charts
    drawn = [
        (f"{name}=", text(value)) for name in ("kind", "title", "x", "y", "series") if (value := getattr(chart, name))
    ]
    return {
        "definition": definition,
        "title": source.title,
        "module": source.module,
        "distribution": source.distribution,
        "setting": f"STREAMING_ASSETS_{source.name.upper()}",
        "items": proposal.items,
        "added_id": ADDED_ID if proposal.adds_id else None,
        "left_out": [line for each in proposal.left_out for line in wrap(f"Left out: {each}.", _COMMENT_WIDTH)],
        "nested": any(isinstance(each.type, Struct) for each in proposal.fields),
        "fields": _rows(proposal.fields, before="fields="),
        "silver_columns": _rows(definition.silver.columns, before="columns="),
        "table": table,
        "gold_columns": _rows(table.columns, before="columns="),
        "keys": layout(several([text(key) for key in table.keys]), indent=4, before=len("keys=")),
        "charts": layout(several([Bracketed("Chart(", drawn)]), indent=4, before=len("charts=")),
    }


def _rows(fields: Sequence[Field], *, before: str) -> str:
    return layout(several([declared(each) for each in fields], spread=True), indent=4, before=len(before))
