"""What is pseudonymous leaves Bronze as a pseudonym only."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from string import ascii_lowercase, digits
from typing import Any

from streaming_assets.contract import EventSchema
from streaming_assets.errors import NotConforming
from streaming_assets.fitting import Fit, Fitter, lookup
from streaming_assets.testing.arrivals import Arrival
from streaming_assets.testing.lake import HandmadeLake, Record
from streaming_assets.testing.subject import Subject

_SHORTEST_PART = 4
"""A text this long is looked for inside of others, too; shorter ones would be found by chance."""

_LETTERS = ascii_lowercase + digits + "-"
_OTHER_LETTERS = str.maketrans(_LETTERS, _LETTERS[1:] + _LETTERS[0])


def check_pseudonyms(subject: Subject) -> None:
    """Check that no value of a pseudonymous field is in Silver or Gold as it came.

    Each such value is replaced, wherever an event has it, by a text that is found nowhere else; that no table may have.
    Then it is replaced once more where no field is pseudonymous, which no row of Silver may show: neither by a part
    nor by a hash of it.

    Raises:
        NotConforming: A table has one.
    """
    probe = _Probe(subject)
    records = [probe.record(arrival) for arrival in subject.arrivals]
    lake, other = subject.new_lake(), subject.new_lake()
    for each, arrived in ((lake, records), (other, list(map(probe.other, records)))):
        each.commit(arrived)
        each.refresh()
    leaks = {**dict(probe.traces(lake, other)), **dict(probe.leaks(lake))}
    if leaks:
        raise NotConforming(
            f"Pseudonymous values of {subject.source.name} are in its tables otherwise than as pseudonyms.",
            found="\n".join(f"- {column} has {found}" for column, found in leaks.items()),
            expected=f"pseudonyms alone of {', '.join(subject.source.schema.pseudonymous)}",
            meaning="whoever reads the table learns whose data it is",
            remedy="name every field that has it as `pseudonymous`, and leave texts that contain it out of Silver",
        )


class _Probe:
    """Replaces values, and looks for them."""

    def __init__(self, subject: Subject) -> None:
        self._source = subject.source
        self._fitter = Fitter(subject.source.schema)
        self._elsewhere = set(_texts_beside([each.fit.event for each in subject.arrivals], self._source.schema))
        self._clear: dict[str, str] = {}
        self._paths: dict[int, dict[str, str]] = {}

    def record(self, arrival: Arrival) -> Record:
        """Return a record with texts that are found nowhere else; the one that it was, where such would not fit."""
        event = json.loads(arrival.record.value or b"")
        values = dict(self._values(arrival.fit.event))
        texts = {value: f"probe-{len(self._clear) + number}-of-it" for number, value in enumerate(values)}
        value = json.dumps(_replaced(event, texts)).encode()
        if texts and isinstance(self._fitter.fit(value, arrival.record.timestamp), Fit):
            self._paths[arrival.record.partition] = {texts[clear]: path for clear, path in values.items()}
            self._clear |= self._paths[arrival.record.partition]
            return replace(arrival.record, value=value)
        # A value that another field has, too, may stand in a table by that field's right.
        self._clear |= {text: path for text, path in values.items() if text not in self._elsewhere}
        return arrival.record

    def other(self, record: Record) -> Record:
        """Return a record with other texts, no letter the same, but in its pseudonymous fields."""
        texts = {text: text.translate(_OTHER_LETTERS) for text in self._paths.get(record.partition, ())}
        event = _replaced(json.loads(record.value or b""), texts, kept=self._source.schema.pseudonymous)
        value = json.dumps(event).encode()
        return replace(record, value=value) if isinstance(self._fitter.fit(value, record.timestamp), Fit) else record

    def traces(self, lake: HandmadeLake, other: HandmadeLake) -> Iterator[tuple[str, str]]:
        """Yield columns of Silver that differ between two lakes, each with what it must have been made of."""
        rows = {row["partition"]: row for row in other.silver()}
        for row in lake.silver():
            paths = ", ".join(dict.fromkeys(self._paths.get(row["partition"], {}).values()))
            for column, cell in row.items():
                if paths and repr(cell) != repr(rows.get(row["partition"], row)[column]):  # NaN does not equal itself
                    yield f"silver.{column}", f"a part or a hash of the text of {paths}"

    def leaks(self, lake: HandmadeLake) -> Iterator[tuple[str, str]]:
        """Yield columns that have such a text, each with the field that it is of."""
        tables = {"silver": lake.silver(), **{f"gold.{each.name}": lake.gold(each) for each in self._source.gold}}
        for table, rows in tables.items():
            for row in rows:
                for column, cell in row.items():
                    found = next(filter(None, map(self._path_of, _texts(cell))), None)
                    if found:
                        yield f"{table}.{column}", f"the text of {found}"

    def _path_of(self, text: str) -> str | None:
        if text in self._clear:
            return self._clear[text]
        return next((path for clear, path in self._clear.items() if clear.startswith("probe-") and clear in text), None)

    def _values(self, event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for path in self._source.schema.pseudonymous:
            value = lookup(event, path)
            if isinstance(value, str) and value:
                yield value, path


def _replaced(value: Any, texts: Mapping[str, str], *, kept: Collection[str] = (), at: str = "") -> Any:
    """Replace texts wherever they stand in a JSON value, but at the paths that are kept."""
    if at in kept:
        return value
    if isinstance(value, dict):
        before = f"{at}." if at else ""
        return {name: _replaced(inner, texts, kept=kept, at=before + name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, texts, kept=kept, at=f"{at}[]") for inner in value]
    if not isinstance(value, str):
        return value
    if value in texts:
        return texts[value]
    for clear, text in texts.items():
        value = value.replace(clear, text) if len(clear) >= _SHORTEST_PART else value
    return value


def _texts_beside(events: Sequence[Mapping[str, Any]], schema: EventSchema) -> Iterator[str]:
    """Yield the texts of events that are at none of the pseudonymous paths."""
    for event in events:
        yield from _texts(_without(event, schema.pseudonymous))


def _without(value: Any, paths: Collection[str], at: str = "") -> Any:
    if not isinstance(value, Mapping):
        return value
    before = f"{at}." if at else ""
    inner = {before + name: each for name, each in value.items()}
    return {path: _without(each, paths, path) for path, each in inner.items() if path not in paths}


def _texts(cell: Any) -> Iterator[str]:
    """Yield the texts of a cell, those inside of structs and lists included."""
    if isinstance(cell, str):
        yield cell
    elif isinstance(cell, dict | list):
        for inner in cell.values() if isinstance(cell, dict) else cell:
            yield from _texts(inner)
