"""Why a sample does not tell when its events happened, and what its author can do about that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches
from shlex import quote

from streaming_assets.contract import ScalarType
from streaming_assets.errors import SampleError
from streaming_assets.scaffold.candidates import TIME_LIKE, arrays_of, time_of, time_rank
from streaming_assets.scaffold.fields import Leaf, find
from streaming_assets.scaffold.names import last_of
from streaming_assets.scaffold.shapes import EPOCH, Shape, epoch_of, finer_epoch_of

_MOST_CLUES = 3
_MOST_NAMES = 10
_LONGEST_VALUE = 40

_WHERE = "in the sample and in what sends the events"


@dataclass(frozen=True)
class _Clue:
    """A field that nearly tells the time."""

    path: str
    """Where it stands; `[]` after an array."""
    found: str
    """What keeps it from that, with a value."""
    remedy: str
    """What to do about it."""


def no_time(shape: Shape, chosen: str | None) -> SampleError:
    """Return the error for a sample that does not tell the time.

    Args:
        shape: The shape of its events.
        chosen: The path that its author named, if any.
    """
    leaves = find(shape).leaves
    if chosen:
        named = (_clue(leaf, shape.values) for leaf in leaves if leaf.path == chosen)
        clues = [next(named, None) or _misnamed(shape, leaves, chosen)]
    else:
        clues = [*_clues(shape, leaves), *_dotted(shape)][:_MOST_CLUES]
    fields = ", ".join(leaf.path for leaf in leaves[:_MOST_NAMES]) or "none"
    one = "another" if chosen else "a"
    otherwise = f"name {one} field by --time, and the array that holds the events by --items, if one does"
    return SampleError(
        "The sample does not tell when an event happened.",
        found="\n".join(f"{clue.path}: {clue.found}" for clue in clues) or f"no field like a time; fields are {fields}",
        expected="in every event RFC 3339 text with an offset, or a number of seconds or milliseconds since 1970",
        meaning="nothing was written",
        remedy="\n".join([*(f"{clue.path}: {clue.remedy}" for clue in clues), f"or {otherwise}"])
        if clues
        else otherwise,
    )


def _clues(shape: Shape, leaves: Iterable[Leaf]) -> Iterator[_Clue]:
    """Yield what keeps fields from telling the time, those first that are most likely meant to."""
    places = [(leaf, shape.values) for leaf in leaves]
    for name, items in arrays_of(shape):
        inside = (replace(leaf, path=f"{name}[].{leaf.path}") for leaf in find(items).leaves)
        places += [(leaf, items.kinds["object"]) for leaf in inside]
    likely = [
        each for each in places if TIME_LIKE.fullmatch(last_of(each[0].path)) or _moment(each[0]) or time_of(each[0])
    ]
    for leaf, events in sorted(likely, key=lambda each: time_rank(each[0])):
        yield _clue(leaf, events)


def _dotted(shape: Shape) -> Iterator[_Clue]:
    """Yield the fields that are named like a time but for a dot."""
    for name in shape.fields:
        if "." in name and TIME_LIKE.fullmatch(last_of(name)):
            yield _clue_of_dotted(name)


def _clue_of_dotted(name: str) -> _Clue:
    return _Clue(repr(name), "one name that has a dot in it, which no schema takes", f"rename it, {_WHERE}")


def _clue(leaf: Leaf, events: int) -> _Clue:
    found, remedy = _fault(leaf, events)
    return _Clue(leaf.path, found, remedy)


def _fault(leaf: Leaf, events: int) -> tuple[str, str]:
    """Say what keeps a field from telling the time, and what to do about it."""
    if time_of(leaf):
        return _untaken(leaf)
    if leaf.type is ScalarType.TIMESTAMP or epoch_of(leaf.shape):
        missing = f"missing or null in {events - leaf.shape.values:,} of {events:,} events"
        elsewhere = next(iter(leaf.shape.distinct))
        return (
            f"{missing}, elsewhere such as {elsewhere}",
            f"give it to every event, {_WHERE}; one without a time has no place in a table",
        )
    if leaf.type in {ScalarType.LONG, ScalarType.DOUBLE}:
        return _fault_of_number(leaf)
    if leaf.type in {ScalarType.STRING, ScalarType.DATE}:
        return _fault_of_text(leaf)
    return f"{_shown(leaf)} is no time", "name another field"


def _untaken(leaf: Leaf) -> tuple[str, str]:
    """Say why what could be the time is not taken for it: as it may be none, or as it is an array's."""
    array, _, inside = leaf.path.rpartition("[].")
    chosen = f"{f'--items {quote(array)} ' if array else ''}--time {quote(inside)}"
    if leaf.type is ScalarType.TIMESTAMP:
        return f"{_shown(leaf)} tells when something in an array happened", f"if that is the event, name it by {chosen}"
    return f"{_shown(leaf)} may count from 1970, and may not", f"name it by {chosen} if it does"


def _fault_of_number(leaf: Leaf) -> tuple[str, str]:
    finer, misfits = finer_epoch_of(leaf.shape), leaf.shape.misfits
    if finer:
        unit, factor = finer
        return f"{_shown(leaf)} counts {unit} since 1970", f"divide it by {factor:,} to milliseconds, {_WHERE}"
    if EPOCH not in misfits:
        seconds, millis = misfits[ScalarType.EPOCH_MILLIS], misfits[ScalarType.EPOCH_SECONDS]
        return f"{seconds} counts seconds since 1970, and {millis} milliseconds", f"write all in one unit, {_WHERE}"
    found = f"{misfits[EPOCH][:_LONGEST_VALUE]} is no number of seconds or milliseconds from 1990 to 2100"
    return found, f"write the time into every event, {_WHERE}, or name another field"


def _fault_of_text(leaf: Leaf) -> tuple[str, str]:
    text, moment = _unread(leaf), _moment(leaf)
    if text.isdecimal():
        return f"{_shown(leaf)} is a number written as text", f"write it as a JSON number, {_WHERE}"
    if leaf.type is ScalarType.DATE:
        return f"{_shown(leaf)} is a day without a time of day", f"write the moment, such as {text}T00:00:00Z, {_WHERE}"
    if moment is None:
        return f"{_shown(leaf)} is no RFC 3339", f"write it such as 2026-03-01T11:00:00Z, {_WHERE}"
    if moment.tzinfo is None:
        return f"{_shown(leaf)} has no offset", f"write it such as {moment.isoformat()}Z, if it is UTC, {_WHERE}"
    return f"{_shown(leaf)} is written in another way than RFC 3339", f"write it as {moment.isoformat()}, {_WHERE}"


def _unread(leaf: Leaf) -> str:
    """Return a value that tells no time, or any if all do."""
    return leaf.shape.misfits.get(ScalarType.TIMESTAMP, next(iter(leaf.shape.distinct), ""))


def _moment(leaf: Leaf) -> datetime | None:
    """Return the moment that a text is by looser rules than RFC 3339."""
    text = _unread(leaf)
    if leaf.type not in {ScalarType.STRING, ScalarType.DATE} or not re.match(r"\d{4}-\d\d-\d\d", text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _shown(leaf: Leaf) -> str:
    text = _unread(leaf)[:_LONGEST_VALUE]
    return repr(text) if leaf.type in {ScalarType.STRING, ScalarType.DATE, ScalarType.TIMESTAMP} else text


def _misnamed(shape: Shape, leaves: Sequence[Leaf], chosen: str) -> _Clue:
    """Return what is wrong with a path that leads to no single value."""
    array, _, inside = chosen.replace("[].", ".", 1).partition(".")
    if chosen in shape.fields and "." in chosen:
        return _clue_of_dotted(chosen)
    if array in dict(arrays_of(shape)):
        time = f", and the time by --time {quote(inside)}" if inside else ""
        return _Clue(array, "an array", f"name its items as events by --items {quote(array)}{time}")
    within = [leaf.path for leaf in leaves if leaf.path.startswith(f"{chosen}.")]
    if within:
        return _Clue(chosen, "an object", f"name a value inside of it: {', '.join(within[:_MOST_NAMES])}")
    return _Clue(chosen, "no such field, or one without a type", nearest(chosen, [leaf.path for leaf in leaves]))


def nearest(chosen: str, paths: Sequence[str]) -> str:
    """Say which path may be meant by one that leads nowhere."""
    near = [path for path in paths if last_of(path) == last_of(chosen)] or get_close_matches(chosen, paths)
    if near:
        return f"did you mean {' or '.join(near[:_MOST_CLUES])}?"
    more = f" and {len(paths) - _MOST_NAMES:,} more" if len(paths) > _MOST_NAMES else ""
    return f"there are {', '.join(paths[:_MOST_NAMES]) or 'none'}{more}"
