"""Which fields can tell when an event happened, and which event it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from streaming_assets.contract import ScalarType
from streaming_assets.scaffold.fields import Leaf, find
from streaming_assets.scaffold.names import last_of, rank
from streaming_assets.scaffold.shapes import Shape, epoch_of

_TIME_NAMES = (
    "event_time",
    "timestamp",
    "time",
    "ts",
    "occurred_at",
    "created_at",
    "at",
    "datetime",
    "date",
    "created",
)
TIME_LIKE = re.compile(r"(.*_)?(ts|time|timestamp|at|date|datetime|epoch|created|updated)")
"""What fields are named that may tell a time."""
ID_TYPES = frozenset({ScalarType.STRING, ScalarType.LONG})
"""Types that a value has which can identify an event."""
_ID_NAMES = ("event_id", "id", "uuid", "guid", "message_id", "record_id")
_ENVELOPES = ("event", "meta", "metadata", "header", "envelope")
_UNIQUE = 0.95  # what is delivered twice has one id twice


def time_of(leaf: Leaf) -> ScalarType | None:
    """Return how a value tells the time; None if it does not, or not for every event."""
    if not leaf.required:
        return None
    return leaf.type if leaf.type is ScalarType.TIMESTAMP else epoch_of(leaf.shape)


def times_of(leaves: Iterable[Leaf]) -> list[Leaf]:
    """Return the values that can tell when the event happened, best first."""
    # A text says by itself that it is a time, a number only by its name.
    found = [leaf for leaf in leaves if time_of(leaf) and (_is_text(leaf) or TIME_LIKE.fullmatch(last_of(leaf.path)))]
    return sorted(found, key=time_rank)


def time_rank(leaf: Leaf) -> tuple[int, bool]:
    """Return how likely a value is meant as the event's time; the lowest is the likeliest."""
    return rank(leaf.path, _TIME_NAMES), not _is_text(leaf)


def _is_text(leaf: Leaf) -> bool:
    return leaf.type is ScalarType.TIMESTAMP


def id_of(leaves: Iterable[Leaf]) -> str | None:
    """Return the path that tells events apart; None if there is none."""
    named = (leaf for leaf in differing(leaves) if _is_events(leaf.path))
    return min((leaf.path for leaf in named), key=lambda path: rank(path, _ID_NAMES), default=None)


def differing(leaves: Iterable[Leaf]) -> Iterator[Leaf]:
    """Yield the values that could be an id by what they are: there in every event, and hardly ever the same."""
    for leaf in leaves:
        once = len(leaf.shape.distinct) >= _UNIQUE * sum(leaf.shape.distinct.values())
        if leaf.required and once and leaf.type in ID_TYPES:
            yield leaf


def _is_events(path: str) -> bool:
    """Tell whether a path names the event's own id, and not that of something inside of it."""
    around, _, _ = path.rpartition(".")
    return last_of(path) in _ID_NAMES and (not around or last_of(around) in _ENVELOPES)


def nested_events(shape: Shape, event_time: str | None = None) -> str | None:
    """Return the array whose items are the events, where the records have no time and its items have one.

    Args:
        shape: The shape of the records.
        event_time: Path of the time where it is known.
    """

    def tells(inner: Shape) -> bool:
        leaves = find(inner).leaves
        return (
            any(time_of(leaf) for leaf in leaves if leaf.path == event_time) if event_time else bool(times_of(leaves))
        )

    return None if tells(shape) else next((name for name, items in arrays_of(shape) if tells(items)), None)


def arrays_of(shape: Shape) -> Iterator[tuple[str, Shape]]:
    """Yield the fields that hold objects in an array wherever they are there, with the shape of these.

    A field whose name is empty is none of them: that name says that the records are the events.
    """
    for name, inner in shape.fields.items():
        if name and inner.items is not None and inner.items.fields and set(inner.kinds) == {"array"}:
            yield name, inner.items
