"""`plugins new`: a package for a new source, from a sample of its events."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer

from streaming_assets.cli.console import out, print_table
from streaming_assets.contract import EventSource, Field, ScalarType
from streaming_assets.scaffold.definition import NewSource, definition_of, misfits
from streaming_assets.scaffold.proposal import ADDED_ID, Choices, Proposal, events_of, propose
from streaming_assets.scaffold.sample import JsonRecord, read_sample
from streaming_assets.scaffold.writing import expect_name, write_package


def plugins_new(name: str, *, sample: Path, topic: str | None, choices: Choices, folder: Path | None) -> None:
    """Write the package of a source; what is not decided is asked where a person can answer.

    Raises:
        SampleError: The name or the sample can't be used, or the folder is there.
    """
    expect_name(name)
    records = read_sample(sample)
    proposal = propose(records, choices)
    if sys.stdin.isatty():
        topic = topic or typer.prompt("Topic", default=name)
        choices = _asked(proposal, choices)
        proposal = propose(records, choices)
    source = NewSource(name, topic or name, proposal)
    definition = definition_of(source)
    folder = (folder or Path(source.distribution)).expanduser()
    files = write_package(source, definition, records, folder)
    _print_proposal(proposal, records)
    _print_misfits(proposal, definition, records)
    out.print(f"\nwrote {len(files)} files into {folder}:", highlight=False)
    for file in files:
        out.print(f"  {file.relative_to(folder)}", highlight=False)
    out.print(f"\nnext: pip install -e {folder}, then streaming-assets plugins check {name}", highlight=False)


def _asked(proposal: Proposal, choices: Choices) -> Choices:
    if choices.event_time is None:
        event_time = typer.prompt("Field that says when an event happened", default=proposal.event_time)
        choices = replace(choices, items=proposal.items or "", event_time=event_time)
    if choices.event_id is None and not proposal.adds_id:
        event_id = typer.prompt("Field that identifies an event (empty: none)", default=proposal.event_id or "")
        choices = replace(choices, event_id=event_id)
    return choices


def _print_proposal(proposal: Proposal, records: Sequence[JsonRecord]) -> None:
    events = events_of(records, proposal.items)
    inside = f", whose `{proposal.items}` hold {len(events):,} events" if proposal.items else ""
    out.print(f"{len(records):,} records{inside}", highlight=False)
    print_table(
        ("field", "type", "what for"), ((each.name, _type(each), _use(each, proposal)) for each in proposal.fields)
    )
    for each in proposal.left_out:
        out.print(f"left out: {each}", highlight=False)


def _print_misfits(proposal: Proposal, definition: EventSource, records: Sequence[JsonRecord]) -> None:
    """Tell which events of the sample the schema would not take."""
    events = events_of(records, proposal.items)
    if proposal.adds_id:
        events = [{**event, ADDED_ID: "sample"} for event in events]
    for reason, count in misfits(definition, events).most_common():
        out.print(f"[yellow]{count:,} of {len(events):,} events would go to quarantine: {reason}[/]", highlight=False)


def _type(each: Field) -> str:
    kind = each.type.value if isinstance(each.type, ScalarType) else type(each.type).__name__.lower()
    return kind if each.required else f"{kind}, optional"


def _use(each: Field, proposal: Proposal) -> str:
    if each.name == proposal.event_time.partition(".")[0]:
        return "when it happened"
    if proposal.event_id and each.name == proposal.event_id.partition(".")[0]:
        return "identifies it; added by the producer" if proposal.adds_id else "identifies it"
    by = proposal.category
    return "counted by" if by is not None and by.expression.strip("`") == each.name else ""
