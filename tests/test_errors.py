"""The errors that are raised on purpose."""

from __future__ import annotations

import inspect
import json
import pickle
from dataclasses import replace

import pytest

from streaming_assets import errors
from streaming_assets.errors import Fault, InvalidDefinition, Place, SettingsError, StreamingAssetsError, TableError

FAULTS = [Fault("gold.top.sql", "SELECT *", "named columns"), Fault("name", "'X'", "small letters")]
PARTS = {"found": "version 3", "expected": "version 2", "meaning": "nothing was written", "remedy": "run it again"}


def kinds():
    classes = [value for _, value in inspect.getmembers(errors, inspect.isclass)]
    return [kind for kind in classes if issubclass(kind, StreamingAssetsError)]


def test_a_place_is_counted_as_people_count() -> None:
    """A place in a text has line and column from 1, and ends where its line ends."""
    text = "SELECT a,\n  bé, c\nFROM x"

    places = [
        Place.of(text, text.index(part), text.index(part) + len(part)) for part in ("SELECT", "bé", "c\nFROM", "x")
    ]

    assert [(place.line, place.column, place.length) for place in places] == [
        (1, 1, 6),
        (2, 3, 2),
        (2, 7, 1),
        (3, 6, 1),
    ]


def test_a_fault_says_its_place_where_it_has_one() -> None:
    """The text of a fault names line and column behind what was found there."""
    fault = Fault("silver.sql", "x", "y")

    assert str(fault) == "silver.sql: found x, expected y"
    assert str(replace(fault, place=Place.of("a b", 2, 3))) == "silver.sql: found x at line 1, column 3, expected y"


def test_an_error_tells_what_it_has():
    """The text has the summary, then each part that is there under its label."""
    assert str(TableError("It failed.", **PARTS)).splitlines() == [
        "It failed.",
        "Found: version 3",
        "Expected: version 2",
        "For the data: nothing was written",
        "What to do: run it again",
    ]
    assert str(TableError("It failed.", remedy="wait")) == "It failed.\nWhat to do: wait"
    assert str(TableError("It failed.")) == "It failed."


def test_a_program_finds_the_same_parts():
    """Summary and parts are attributes, and labelled pairs in the order of the text."""
    error = TableError("It failed.", found="x", remedy="y")
    assert (error.summary, error.found, error.expected, error.meaning, error.remedy) == (
        "It failed.",
        "x",
        None,
        None,
        "y",
    )
    assert error.parts() == [("Found", "x"), ("What to do", "y")]


@pytest.mark.parametrize("kind", kinds())
def test_errors_survive_pickling(kind):
    """Every error can be sent from one process to another with its type, its parts and its text."""
    if kind is SettingsError:
        error = SettingsError(FAULTS)
    elif kind is InvalidDefinition:
        error = InvalidDefinition("shop", FAULTS)
    else:
        error = kind("It failed.", **PARTS)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - made a line above
    assert (type(copy), str(copy), vars(copy), copy.args) == (kind, str(error), vars(error), error.args)


def test_a_fault_is_one_line():
    """A fault names the place, what stands there and what should."""
    assert str(FAULTS[0]) == "gold.top.sql: found SELECT *, expected named columns"


@pytest.mark.parametrize("error", [SettingsError(FAULTS), InvalidDefinition("shop", FAULTS)])
def test_all_faults_are_in_the_text(error):
    """An error about a definition or the settings lists every fault, and keeps them apart for a program."""
    assert error.faults == FAULTS
    assert all(f"- {fault}" in str(error) for fault in FAULTS)


def test_faults_are_counted():
    """A definition has one fault or several."""
    assert InvalidDefinition("shop", FAULTS[:1]).summary == "The definition of plugin 'shop' has 1 fault."
    assert InvalidDefinition("shop", FAULTS).summary == "The definition of plugin 'shop' has 2 faults."


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind not in {SettingsError, InvalidDefinition}])
def test_an_error_can_be_told_as_plain_values(kind):
    """An error that another process told in plain values is one of its kind, with its parts."""
    error = kind("It failed.", **PARTS)
    again = errors.restored(json.loads(json.dumps(errors.told(error))))
    assert (type(again), str(again), again.parts()) == (kind, str(error), error.parts())


def test_an_error_of_an_unknown_kind_keeps_its_text():
    """What another process told of a kind that is not known here, or is made of faults, is an error with its text."""
    for told in ({**errors.told(TableError("It failed.")), "kind": "Fault"}, errors.told(SettingsError(FAULTS))):
        again = errors.restored(told)
        assert (type(again), again.summary, again.found) == (StreamingAssetsError, told["summary"], told["found"])
