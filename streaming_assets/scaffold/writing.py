"""The files of a new source's package."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from streaming_assets.contract import Field, ScalarType, Struct
from streaming_assets.errors import SampleError
from streaming_assets.scaffold.code import Bracketed, declared, layout, several, text
from streaming_assets.scaffold.columns import Column
from streaming_assets.scaffold.proposal import ADDED_ID, Proposal
from streaming_assets.scaffold.sample import JsonRecord
from streaming_assets.validation.source import name_faults

_SAMPLE_RECORDS = 1_000
_SAMPLE_BYTES = 2**20
_COMMENT_WIDTH = 118

_WINDOW = (
    Field(name="window_start", type=ScalarType.TIMESTAMP, description="Start of the window, UTC, inclusive."),
    Field(name="window_end", type=ScalarType.TIMESTAMP, description="End of the window, UTC, exclusive."),
)


@dataclass(frozen=True)
class NewSource:
    """A source that is to be."""

    name: str
    """Its name, an identifier."""
    topic: str
    """Its topic."""
    proposal: Proposal
    """What it shall be."""

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.name.replace("_", " ").capitalize()

    @property
    def module(self) -> str:
        """Name of the package's module."""
        return f"streaming_assets_{self.name}"

    @property
    def distribution(self) -> str:
        """Name of the package."""
        return self.module.replace("_", "-")


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


def write_package(source: NewSource, records: Sequence[JsonRecord], folder: Path) -> list[Path]:
    """Write the package of a source.

    Args:
        source: The source.
        records: The sample's records; the first go into the package.
        folder: The package's folder, which must not be there.

    Returns:
        The files, in the order in which a reader should look at them.

    Raises:
        SampleError: The folder is there.
    """
    if folder.exists():
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
    values = _values(source)
    written = []
    for template, path in _files(source, folder):
        path.parent.mkdir(parents=True, exist_ok=True)
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
        size += len(line)
        if size > _SAMPLE_BYTES:
            return
        yield line


def _values(source: NewSource) -> dict[str, Any]:
    proposal, category = source.proposal, source.proposal.category
    return {
        "name": source.name,
        "title": source.title,
        "module": source.module,
        "distribution": source.distribution,
        "topic": source.topic,
        "setting": f"STREAMING_ASSETS_{source.name.upper()}",
        "items": proposal.items,
        "added_id": ADDED_ID if proposal.adds_id else None,
        "event_id": proposal.event_id,
        "event_time": proposal.event_time,
        "left_out": [line for each in proposal.left_out for line in wrap(f"Left out: {each}.", _COMMENT_WIDTH)],
        "nested": any(isinstance(each.type, Struct) for each in proposal.fields),
        "fields": _rows([declared(each) for each in proposal.fields], before="fields="),
        "columns": proposal.columns,
        "declared": _rows([declared(each.field) for each in proposal.columns], before="columns="),
        **_gold(category),
    }


def _rows(parts: Sequence[Bracketed], *, before: str) -> str:
    return layout(several(parts, spread=True), indent=4, before=len(before))


def _gold(category: Column | None) -> dict[str, Any]:
    """Return what the Gold table is made of: how many events there were in each hour, by category if there is one."""
    name = category.field.name if category else None
    count = Field(name="event_count" if name == "events" else "events", type=ScalarType.LONG, description="How many.")
    columns = [*_WINDOW, *([category.field] if category else []), count]
    title = f"Events by {name}" if name else "Events"
    chart = [
        ("kind=", text("bar" if name else "line")), ("title=", text(title)), ("x=", text("window_start")),
        ("y=", text(count.name)), *([("series=", text(name))] if name else []),
    ]  # fmt: skip
    return {
        "table": f"events_per_{name.lower().strip('_')}"[:63] if name else "events_per_hour",
        "description": f"How many events of each {name} happened in each hour."
        if name
        else "How many events happened in each hour.",
        "category": name,
        "count": count.name,
        "gold_columns": _rows([declared(each) for each in columns], before="columns="),
        "charts": layout(several([Bracketed("Chart(", chart)]), indent=4, before=len("charts=")),
    }
