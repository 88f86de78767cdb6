"""What a sample suggests for a new source, as lines that fit a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from streaming_assets.cli.console import counted, out, print_table
from streaming_assets.cli.excerpts import printable
from streaming_assets.contract import ScalarType
from streaming_assets.scaffold.definition import NewSource, misfits, repetitions
from streaming_assets.scaffold.fields import Leaf
from streaming_assets.scaffold.proposal import Proposal, without_id

_MOST_ROWS = 45
_MOST_LEFT_OUT = 12
_MOST_NAMED = 8
_LONGEST_PATH = 40
_EXTENT = "outer levels of nesting first, and what most events have"


def print_proposal(proposal: Proposal, records: int) -> None:
    """Tell what a source shall be: its values by their paths, the column of each, and what is left out."""
    inside = f", whose `{proposal.items}` hold {len(proposal.events):,} events" if proposal.items else ""
    out.print(_plain(f"{counted(records, 'record')}{inside}"))
    rows = [(_shortened(leaf.path), _type(leaf), _column(leaf, proposal)) for leaf in proposal.leaves]
    print_table(("field", "type", "column"), rows[:_MOST_ROWS])
    if len(rows) > _MOST_ROWS:
        out.print(f"and {len(rows) - _MOST_ROWS:,} more", highlight=False)
    if any(leaf.type is ScalarType.TEXT for leaf in proposal.leaves):
        out.print("text is a string, number or boolean, and a string in its column", highlight=False)
    if (missing := without_id(proposal)) is not None:
        out.print(_plain(missing, "yellow"))
    if proposal.personal:
        hashed = "schema.py says what can be hashed"
        out.print(_plain(f"may be personal data: {_listed(proposal.personal)}; {hashed}", "yellow"))
    if proposal.beyond:
        out.print(f"{len(rows):,} of {len(rows) + proposal.beyond:,} values are taken: {_EXTENT}", highlight=False)
    for each in proposal.left_out[:_MOST_LEFT_OUT]:
        out.print(_plain(f"left out: {each}"))
    if len(proposal.left_out) > _MOST_LEFT_OUT:
        out.print(f"left out: {len(proposal.left_out) - _MOST_LEFT_OUT:,} more, named in schema.py", highlight=False)


def print_misfits(source: NewSource) -> None:
    """Tell which events of the sample would be no rows: those that the schema does not take, and repetitions."""
    events = f"{len(source.proposal.events):,} events"
    for reason, count in misfits(source).most_common():
        out.print(f"[yellow]{count:,} of {events} would go to quarantine: {reason}[/]", highlight=False)
    if count := repetitions(source):
        repeated = f"{source.proposal.event_id} says that they are repetitions of others"
        out.print(_plain(f"{count:,} of {events} would be dropped: {repeated}", "yellow"))


def _plain(text: str, style: str = "") -> Text:
    """Return a text with names of a sample in it, which may be anything: no markup, nothing that has no encoding."""
    return Text(printable(text), style)


def _listed(leaves: Sequence[Leaf]) -> str:
    more = f" and {len(leaves) - _MOST_NAMED:,} more" if len(leaves) > _MOST_NAMED else ""
    return ", ".join(leaf.path for leaf in leaves[:_MOST_NAMED]) + more


def _shortened(path: str) -> str:
    path = printable(path)
    return path if len(path) <= _LONGEST_PATH else f"…{path[1 - _LONGEST_PATH :]}"


def _type(leaf: Leaf) -> str:
    return leaf.type.value if leaf.required else f"{leaf.type.value}, optional"


def _column(leaf: Leaf, proposal: Proposal) -> str:
    """Return the name of the column that a value becomes, with what is special about it."""
    if leaf.path == proposal.event_time:
        return "event_time, when it happened"
    if leaf.path == proposal.event_id:
        return f"event_id, {'added by the producer' if proposal.adds_id else 'identifies it'}"
    column = next(each for each in proposal.columns if each.leaf.path == leaf.path)
    return f"{column.field.name}{', counted by' if column == proposal.category else ''}"
