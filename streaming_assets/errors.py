"""Every error the framework raises, grouped by what the caller should do about it.

An error says what was found, what was expected, what that means for the data, and what to do. A
person sees it without a stack trace; a program finds the same parts as attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self


class StreamingAssetsError(Exception):
    """Root of all errors raised on purpose; its text is meant for the user."""

    def __new__(cls, *arguments: object, **_parts: object) -> Self:
        """Make an error that can be told whatever becomes of its `__init__`: a plugin's own kind may not call ours."""
        error = super().__new__(cls, *arguments)
        error.summary = " ".join(map(str, arguments)) or cls.__name__
        error.found = error.expected = error.meaning = error.remedy = None
        return error

    def __init__(
        self,
        summary: str,
        *,
        found: str | None = None,
        expected: str | None = None,
        meaning: str | None = None,
        remedy: str | None = None,
    ) -> None:
        """Keep the parts and join them to one text.

        Args:
            summary: What happened, in one sentence.
            found: What was found.
            expected: What was expected instead.
            meaning: What it means for the data.
            remedy: What to do; exact commands where there are some.
        """
        self.summary = summary
        self.found = found
        self.expected = expected
        self.meaning = meaning
        self.remedy = remedy
        super().__init__(summary)

    def parts(self) -> list[tuple[str, str]]:
        """Return the parts that are there, as (label, text)."""
        labelled = (
            ("Found", self.found),
            ("Expected", self.expected),
            ("For the data", self.meaning),
            ("What to do", self.remedy),
        )
        return [(label, text) for label, text in labelled if text]

    def __str__(self) -> str:
        return "\n".join([self.summary, *(f"{label}: {text}" for label, text in self.parts())])

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling of exceptions.
        return (_rebuild, (type(self), self.__dict__.copy()))


def _rebuild(kind: type[StreamingAssetsError], state: dict[str, object]) -> StreamingAssetsError:
    error = kind.__new__(kind)
    Exception.__init__(error, state["summary"])
    error.__dict__.update(state)
    return error


PARTS = ("summary", "found", "expected", "meaning", "remedy")
"""What an error is made of."""


def told(error: StreamingAssetsError) -> dict[str, str | None]:
    """Return an error as plain values, for another process: its kind, and its parts by their names."""
    return {"kind": type(error).__name__, **{part: getattr(error, part) for part in PARTS}}


def restored(plain: Mapping[str, str | None]) -> StreamingAssetsError:
    """Return the error that another process told, of its kind unless that is made of more than parts."""
    named = globals().get(str(plain["kind"]))
    kind = named if isinstance(named, type) and issubclass(named, StreamingAssetsError) else StreamingAssetsError
    if kind in {SettingsError, InvalidDefinition}:  # their faults are in the text of what was found
        kind = StreamingAssetsError
    return kind(str(plain["summary"]), **{part: plain[part] for part in PARTS[1:]})


# Fix the configuration, then try again.


@dataclass(frozen=True, slots=True)
class Place:
    """A place inside of a text that a definition holds, such as a query."""

    text: str = field(repr=False)
    """The whole text."""
    line: int
    """Its line, counted from 1."""
    column: int
    """Where it begins in that line, in characters, counted from 1."""
    length: int
    """How many characters of that line it takes, 1 at least."""

    @classmethod
    def of(cls, text: str, start: int, end: int) -> Place:
        """Return the place of `text[start:end]`, as far as that stands on one line."""
        before = text[:start]
        column = start - (before.rfind("\n") + 1)
        length = len(text[start:end].partition("\n")[0])
        return cls(text, before.count("\n") + 1, column + 1, max(length, 1))

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a definition or of the settings."""

    where: str
    """The place: a path into the definition (`gold.top_repositories.sql`), or a variable's name."""
    found: str
    """What stands there."""
    expected: str
    """What should stand there."""
    place: Place | None = None
    """Which part of the text at `where` it is, where that is known."""

    def __str__(self) -> str:
        at = f" at {self.place}" if self.place is not None else ""
        return f"{self.where}: found {self.found}{at}, expected {self.expected}"


class SettingsError(StreamingAssetsError):
    """Settings are missing or wrong; `faults` has all of them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Join the faults to one text."""
        self.faults = list(faults)
        super().__init__(
            "The settings can't be used.",
            found="\n".join(f"- {fault}" for fault in self.faults),
            remedy="fix the variables named above, in the environment or in the file .env",
        )


class UnknownSource(StreamingAssetsError):
    """A source was named that no loaded plugin registers."""


class UnknownPart(StreamingAssetsError):
    """A Gold table or a group of checks was named that the source does not have."""


class InvalidMoment(StreamingAssetsError):
    """A text is neither a time with an offset nor a span."""


class OutputRefused(StreamingAssetsError):
    """Standard output takes no more: its disk is full, say."""


class QuarantineError(StreamingAssetsError):
    """What was asked of quarantine can't be done: there is no such reason, or nothing to replay."""


# Fix the plugin; other plugins are not affected.


class PluginError(StreamingAssetsError):
    """A plugin raised, or gave back something it may not; the message names plugin and moment."""


class InvalidDefinition(PluginError):
    """A source's definition has faults; `faults` has all of them."""

    def __init__(self, plugin: str, faults: Sequence[Fault]) -> None:
        """Join the faults to one text."""
        self.plugin = plugin
        self.faults = list(faults)
        count = f"{len(self.faults)} fault" + ("s" if len(self.faults) != 1 else "")
        super().__init__(
            f"The definition of plugin {plugin!r} has {count}.",
            found="\n".join(f"- {fault}" for fault in self.faults),
            meaning="the plugin is left out; all other sources work",
            remedy=f"fix the definition, then run `streaming-assets plugins check {plugin}`",
        )


class NotConforming(PluginError):
    """A plugin does what no source may do; a check of the conformance kit found it."""


class SampleError(StreamingAssetsError):
    """A sample of events is none, or a source can't be made of it."""


# Start or fix what the framework depends on, then try again: nothing was lost.


class BrokerError(StreamingAssetsError):
    """Kafka can't be started or reached, or refused a request."""


class BrokerNotRunning(BrokerError):
    """No cluster is configured, the broker of this home is not running, and the caller may not start it."""


class DeliveryError(BrokerError):
    """Kafka did not take some events; the producer knows which were delivered."""


class ReplayError(StreamingAssetsError):
    """A recorded file can't be read, or not to its end."""


class EngineError(StreamingAssetsError):
    """The engine can't be had, lacks memory or disk space, or failed."""


class MaintenanceEnded(StreamingAssetsError):
    """The process that maintains tables ended before it was done; nothing was harmed."""


# A job in a Databricks workspace did not do its work; what it committed stays, and the next one goes on after it.


class JobError(StreamingAssetsError):
    """A job in a Databricks workspace did not do its work; the kinds say why."""


class WorkspaceRefused(JobError):
    """The workspace can't be reached, does not know who asks, or does not let them do what is asked."""


class VolumeMissing(JobError):
    """The volume of the tables does not exist, or can't be seen by who asks."""


class ComputeUnavailable(JobError):
    """The compute of a job did not start, or was lost."""


class QuotaExceeded(JobError):
    """The workspace, or the cloud below it, takes no more jobs, requests or machines at the moment."""


class JobTimedOut(JobError):
    """A job took longer than it may, and was ended."""


class JobCancelled(JobError):
    """Somebody ended a job in the workspace."""


class JobFailed(JobError):
    """A job ended with an error that is none of ours, or without a word."""


# Somebody else is at work; nothing was written twice. Try again later.


class TableBusy(StreamingAssetsError):
    """Another process on this machine is working on the source."""


class ConcurrentWrite(StreamingAssetsError):
    """Another writer committed to the table first; this write was refused as a whole."""


# Stop: the data needs a decision by a person.


class TableError(StreamingAssetsError):
    """A Delta table can't be read or written, or is not the table it should be."""


class TopicChanged(StreamingAssetsError):
    """The topic is not the one Bronze was filled from, or no longer holds the next offset; the kinds say which."""


class OffsetsRefused(TopicChanged):
    """Kafka refused the next offsets while they were read; only another look at the topic can tell why."""


class ClusterChanged(TopicChanged):
    """Kafka is another cluster than the one Bronze was filled from."""


class TopicRecreated(TopicChanged):
    """The topic has another id: one of that name was deleted and created again, or the source names another one."""


class PartitionGone(TopicChanged):
    """The topic, or one of its partitions, is no longer there."""


class TopicTruncated(TopicChanged):
    """The topic ends before the next offset: it has lost records that Bronze has, and gives their offsets again."""


class RetentionOvertook(TopicChanged):
    """Records were deleted from the topic before they were read; `refresh --accept-loss` goes on after them."""


class ForeignWrite(TableError):
    """Another writer changed a table's rows, or its batch."""


class LogDamaged(TableError):
    """A table's log lacks an entry or a checkpoint, or one can't be read."""


class UnsafeProperty(TableError):
    """A property of a table would make it forget its batch, or keeps a refresh from writing."""


class FileDamaged(TableError):
    """A data file of a table is gone, or is not what was written."""


class VersionVacuumed(TableError):
    """A version of a table lost files to a vacuum while it was read; the newest version is whole."""


class TableBehind(TableError):
    """A table has lost commits that the tables computed from it contain."""


class StorageRefused(TableError):
    """The storage of the tables takes no more: it is full, or read-only."""


class DefinitionChanged(TableError):
    """A plugin's definition has other columns than the table; `refresh --rebuild` rebuilds the table."""
