"""The producer gives events, and never waits."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from streaming_assets.errors import NotConforming
from streaming_assets.fitting import Fitter, Misfit
from streaming_assets.testing.subject import Subject

_OPTIONS = "give its options by a fixture `producer_options` in the test's module, such as a recorded file"


def check_producer(subject: Subject) -> None:
    """Check that the producer keeps to the contract, and gives events that fit the schema.

    Raises:
        NotConforming: It sleeps, blocks, raises, gives something else than a `Batch`, no event, or none that fits.
    """
    gathered, name = subject.gathered, subject.source.name
    if gathered.faults:
        raise NotConforming(
            f"The producer of {name} does what no producer may do.",
            found="\n".join(f"- {fault}" for fault in gathered.faults),
            expected="next_batch() returns a Batch with the events that are there now, without waiting for more",
            meaning="other work of the process that produces would stand still, or end",
            remedy="where nothing is there yet, return an empty Batch with the time after which to ask again as "
            "`poll_after`; let close() release what was opened and end what was started",
        )
    if not gathered.events:
        raise NotConforming(
            f"The producer of {name} gave no event.",
            found="; ".join([*gathered.notes, *gathered.ending]) or "empty batches",
            expected="some events, for all other checks rest on them",
            remedy=_OPTIONS,
        )
    if not subject.arrivals:
        raise NotConforming(
            f"None of the {len(gathered.events):,} events that the producer of {name} gave fits the schema.",
            found=_reasons(subject),
            expected="events as the schema declares them",
            meaning="all of them would go to quarantine",
            remedy="correct the schema, or the producer",
        )


def _reasons(subject: Subject) -> str:
    fitter, now = Fitter(subject.source.schema), datetime.now(tz=UTC)
    decided = (fitter.fit(event.value, event.timestamp or now) for event in subject.gathered.events)
    reasons = Counter(f"{each.reason} at {each.field}: {each.detail}" for each in decided if isinstance(each, Misfit))
    return "\n".join(f"- {times:,} times {reason}" for reason, times in reasons.most_common(3))
