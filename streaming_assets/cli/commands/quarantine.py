"""`tables --quarantine`: why records are in quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.padding import Padding
from rich.text import Text

from streaming_assets.cli.console import age, counted, out, print_json, print_note
from streaming_assets.cli.context import sources_here
from streaming_assets.layers.quarantine import Group, QuarantineState, quarantine_state
from streaming_assets.settings import load_settings

_LONGEST = 200
"""Bytes of a value that are shown."""
_INDENT = (0, 0, 0, 2)


def quarantine(names: Sequence[str], *, raw: bool, as_json: bool) -> None:
    """Show what is in the quarantine of sources, by reason and field, with the newest record of each.

    A value is shown only with `raw`: it is the record as it came, in which the fields that are pseudonyms everywhere
    else stand in clear, as may any field that the plugin does not declare. Details never tell those.

    Raises:
        StreamingAssetsError: A source is unknown, or a table can't be read.
    """
    settings = load_settings()
    selected = sources_here(settings, names)
    states = [quarantine_state(source, settings.lake_path, raw=raw) for source in selected]
    if as_json:
        print_json([_plain(state, raw=raw) for state in states])
        return
    for state in states:
        _print(state, raw=raw)
    if raw and any(state.groups for state in states):
        print_note("values are shown as they came; they may hold personal data in clear")


def _print(state: QuarantineState, *, raw: bool) -> None:
    """Write each group as lines: what a record is refused for, and the record, are too long for columns."""
    left = f", {state.released:,} released, {state.duplicates:,} of them as duplicates" if state.released else ""
    out.print(f"{state.source}: {state.records:,} in quarantine{left}", style="bold", highlight=False, soft_wrap=True)
    for group in state.groups:
        newest = group.newest
        where = f" at {group.field}" if group.field else ""
        place = f"partition {newest.partition}, offset {newest.offset}, read {age(newest.ingested_at)}"
        out.print()
        out.print(
            Text.assemble((group.reason, "yellow"), f"{where}: {counted(group.records, 'record')}"), soft_wrap=True
        )
        out.print(Padding(Text(f"newest: {place}"), _INDENT))
        out.print(Padding(Text(_printable(newest.detail)), _INDENT))
        if raw:  # in one line, however wide, so that it can be copied
            out.print(Text(_value(group) or "(no value)"), soft_wrap=True)
    if state.groups:
        out.print()


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
