"""`tables --quarantine`: why records are in quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from streaming_assets.cli.console import age, out, print_json, print_note, print_table
from streaming_assets.cli.context import sources
from streaming_assets.layers.quarantine import Group, QuarantineState, quarantine_state
from streaming_assets.settings import load_settings

_LONGEST = 200
"""Bytes of a value that are shown."""


def quarantine(names: Sequence[str], *, raw: bool, as_json: bool) -> None:
    """Show what is in the quarantine of sources, by reason and field, with the newest record of each.

    A value is shown only with `raw`: it is the record as it came, in which the fields that are pseudonyms everywhere
    else stand in clear, as may any field that the plugin does not declare. Details never tell those.

    Raises:
        StreamingAssetsError: A source is unknown, or a table can't be read.
    """
    settings = load_settings()
    selected = sources(settings).select(names)
    states = [quarantine_state(source, settings.lake_path, raw=raw) for source in selected]
    if as_json:
        print_json([_plain(state, raw=raw) for state in states])
        return
    for state in states:
        _print(state, raw=raw)
    if raw and any(state.groups for state in states):
        print_note("values are shown as they came; they may hold personal data in clear")


def _print(state: QuarantineState, *, raw: bool) -> None:
    left = f", {state.released:,} released, {state.duplicates:,} of them as duplicates" if state.released else ""
    title = f"{state.source}: {state.records:,} in quarantine{left}"
    if not state.groups:
        out.print(title, style="bold", highlight=False, soft_wrap=True)
        return
    print_table(
        ("reason", "field", "records", "newest", "record", "detail", *(("value",) if raw else ())),
        (
            (
                group.reason,
                group.field,
                group.records,
                age(group.newest.ingested_at),
                f"{group.newest.partition}-{group.newest.offset}",
                _printable(group.newest.detail),
                *((_value(group),) if raw else ()),
            )
            for group in state.groups
        ),
        title=title,
    )


def _value(group: Group) -> str | None:
    value = group.newest.value
    if value is None:
        return None
    return _printable(value[:_LONGEST].decode(errors="replace")) + ("…" if len(value) > _LONGEST else "")


def _printable(text: str) -> str:
    """Escape what is no character to look at: somebody else's bytes must not steer the terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _plain(state: QuarantineState, *, raw: bool) -> dict[str, Any]:
    document = asdict(state)
    for group, plain in zip(state.groups, document["groups"], strict=True):
        plain["newest"] |= {"value": _value(group)}
        if not raw:
            del plain["newest"]["value"]
    return document
