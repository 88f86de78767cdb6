"""`plugins new`: a package for a new source, from a sample of its events."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TypeVar

import typer
from rich.text import Text

from streaming_assets.cli.console import out, print_note
from streaming_assets.cli.excerpts import printable
from streaming_assets.cli.interrupts import check_interrupt
from streaming_assets.cli.proposals import print_misfits, print_proposal
from streaming_assets.errors import InvalidDefinition, SampleError
from streaming_assets.registry import Registry, is_same_topic, load_installed, shared_options
from streaming_assets.scaffold.definition import NewSource, define, distribution_of
from streaming_assets.scaffold.proposal import Choices, Proposal, propose
from streaming_assets.scaffold.sample import JsonRecord, read_sample
from streaming_assets.scaffold.writing import expect_free, expect_name, write_package
from streaming_assets.settings import load_settings

_T = TypeVar("_T")

_NONE = "-"
"""The answer that says none; an empty one takes what is proposed."""


def plugins_new(name: str, *, sample: Path | None, topic: str | None, choices: Choices, folder: Path | None) -> None:
    """Write the package of a source; what is not decided is asked where a person can answer.

    Raises:
        SampleError: The name, the sample or the folder can't be used.
    """
    expect_name(name)
    folder = _written_out(folder or Path(distribution_of(name)))
    expect_free(folder)
    registry = load_installed(load_settings())
    check_interrupt()  # of the import of a plugin, which is a broken one then
    for note in _clashes_of_name(name, registry):
        print_note(note)
    records = _records(sample)
    proposal = propose(records, choices)
    print_proposal(proposal, len(records))
    if sys.stdin.isatty():
        topic = topic or _asked_topic(name, proposal)
        answered = _asked(records, choices, proposal)
        if answered is not proposal:
            proposal = answered
            print_proposal(proposal, len(records))
    for note in _clashes_of_topic(name, topic or name, registry):
        print_note(note)
    source = _defined(name, topic or name, proposal)
    print_misfits(source)
    files = write_package(source, records, folder)
    # A folder may be named like markup.
    out.print(Text(printable(f"\nwrote {len(files)} files into {folder}:")))
    for file in files:
        out.print(f"  {file.relative_to(folder)}", highlight=False)
    out.print("\nnext, its installation (`uv pip` where uv made the environment) and its tests:", highlight=False)
    # A name without a separator would be looked for in the package index.
    project = str(folder) if folder.is_absolute() else f"./{folder}"
    for command in (f"pip install -e {quote(f'{project}[test]')}", f"pytest {quote(project)}"):
        out.print(Text(printable(f"  {command}")), soft_wrap=True)


def _defined(name: str, topic: str, proposal: Proposal) -> NewSource:
    """Return the source; what is wrong with it is said of what was chosen, as there is no plugin yet.

    Raises:
        SampleError: It has faults.
    """
    try:
        return define(name, topic, proposal)
    except InvalidDefinition as error:
        of_topic = all(fault.where.startswith("topic.") for fault in error.faults)
        raise SampleError(
            "No source can be made of this.",
            found="; ".join(f"{fault.where}: {fault.found}" for fault in error.faults),
            expected="; ".join(fault.expected for fault in error.faults),
            meaning="nothing was written",
            remedy="choose another topic by --topic"
            if of_topic
            else "choose other fields by --time, --id or --items, or leave out of the sample what is named above",
        ) from error


def _clashes_of_name(name: str, registry: Registry) -> Iterator[str]:
    """Say which plugins could not be loaded beside a source of a name."""
    for other in sorted({*registry.sources, *(plugin.name for plugin in registry.broken)}):
        if other == name:
            yield f"a source {name} is installed: of two one is left out; choose another name, or uninstall that one"
        elif variables := shared_options(name, other):
            both = f"{variables} would be options of both"
            yield f"the source {other} is installed, and {both}: one of them is left out; choose another name"


def _clashes_of_topic(name: str, topic: str, registry: Registry) -> Iterator[str]:
    """Say which sources have a topic."""
    for other in registry.sources.values():
        if other.name != name and is_same_topic(other.topic.name, topic):
            of = f"the topic of the source {other.name}"
            yield f"{topic} is {of}: of two sources with one topic one is left out; choose another by --topic"


def _written_out(path: Path) -> Path:
    """Return a path with the home folder that its `~` stands for.

    Raises:
        SampleError: There is none.
    """
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise SampleError(
            f"Nobody knows where {path} is.",
            found=f"no home folder for {path.parts[0]}",
            expected="~ for this user's home folder, or ~ and the name of a user of this machine",
            meaning="nothing was written",
            remedy="write the whole path; before a name that does begin with ~, write ./",
        ) from error


def _records(sample: Path | None) -> list[JsonRecord]:
    if sample is not None:
        return read_sample(_written_out(sample))
    if not sys.stdin.isatty():
        raise SampleError(
            "There is no sample.",
            expected="a file with some recorded events",
            meaning="nothing was written",
            remedy="name it by --sample",
        )
    return _ask("File with recorded events", None, lambda answer: read_sample(_written_out(Path(answer))))


def _asked_topic(name: str, proposal: Proposal) -> str:
    return _ask("Topic", name, lambda answer: define(name, answer, proposal).definition.topic.name)


def _asked(records: Sequence[JsonRecord], choices: Choices, proposal: Proposal) -> Proposal:
    """Return what was proposed, or what is by answers that differ."""
    choices = replace(choices, items=proposal.items or "")

    def at_time(path: str) -> Proposal:
        return proposal if path == proposal.event_time else propose(records, replace(choices, event_time=path))

    if choices.event_time is None:
        proposal = _ask("Field that says when an event happened", proposal.event_time, at_time)
        choices = replace(choices, event_time=proposal.event_time)
    proposed = proposal.event_id or _NONE

    def with_id(path: str) -> Proposal:
        chosen = replace(choices, event_id="" if path == _NONE else path)
        return proposal if path == proposed else propose(records, chosen)

    if choices.event_id is None and not proposal.adds_id:
        proposal = _ask(f"Field that identifies an event ({_NONE} for none)", proposed, with_id)
    return proposal


def _ask(question: str, default: str | None, read: Callable[[str], _T]) -> _T:
    """Ask until an answer can be used."""

    def checked(answer: str) -> _T:
        try:
            return read(answer.strip())
        except SampleError as error:
            # A terminal's answers are no options.
            remedy = [line for line in (error.remedy or "").split("\n") if "--" not in line]
            raise typer.BadParameter("\n".join([error.found or "", *remedy])) from error
        except InvalidDefinition as error:
            faults = "\n".join(f"found {each.found}, expected {each.expected}" for each in error.faults)
            raise typer.BadParameter(faults) from error

    answer: _T = typer.prompt(question, default=default, value_proc=checked)
    return answer
