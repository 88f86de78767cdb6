"""Of events with very many values a source is made of those that people want in a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from streaming_assets.scaffold.extent import MOST_VALUES
from streaming_assets.scaffold.proposal import Choices, propose
from streaming_assets.scaffold.sample import read_sample

GITHUB = Path(__file__).parents[2] / "../shared/data/github/2021-07-21-06_09_pinot_800.ndjson.gz"
AT = "2026-03-01T11:00:00Z"


def numbered(count, before="n"):
    return {f"{before}{number}": number for number in range(count)}


def of(*records, **choices):
    return propose([{"at": AT, "kind": "k", **record} for record in records], Choices(**choices))


def columns(proposal):
    return [each.expression for each in proposal.columns]


def test_all_values_are_taken_where_there_are_few():
    """As many values as there is room for are taken, at every depth."""
    proposal = of({"o": {"p": numbered(MOST_VALUES - 1)}})
    assert (len(proposal.columns), proposal.beyond, proposal.left_out) == (MOST_VALUES, 0, ())


def test_levels_are_taken_as_long_as_they_have_room():
    """One value too many, and the innermost level is left out, told as the object that it is, with its size."""
    proposal = of({"user": {"name": "x", "home": numbered(MOST_VALUES - 1)}})
    assert columns(proposal) == ["kind", "user.name"]
    assert proposal.beyond == MOST_VALUES - 1
    assert [str(each) for each in proposal.left_out] == [
        "user.home: an object with 39 values; declare those that a table needs"
    ]
    assert [field.name for field in proposal.fields[2].type.fields] == ["name"]


def test_of_a_deep_level_without_room_what_most_events_have_is_taken():
    """Where a deeper level has no room as a whole, those of its values that nearly all events have may have some."""
    inner = {"city": "x", "street": "y"}
    proposal = of(
        {"user": {"home": inner}}, {"user": {"home": inner | numbered(MOST_VALUES)}}, {"user": {"home": inner}}
    )
    assert columns(proposal) == ["kind", "user.home.city", "user.home.street"]


def test_of_an_outer_level_without_room_what_most_events_have_is_taken():
    """What half of the events lack is left out there, each with how many have it; deeper levels with it."""
    rare = {"counts": {"both": 1, "seldom": 2, **numbered(MOST_VALUES)}}
    proposal = of(rare, {"counts": {"both": 1, "deep": {"x": 1, "tags": [1]}}})
    assert columns(proposal) == ["kind", "counts.both"]
    told = {each.path: each.reason for each in proposal.left_out}
    assert told["counts.seldom"] == "in 1 of 2 events; declare it if a table needs it"
    assert told["counts.deep"] == "an object with 1 values; declare those that a table needs"
    assert "counts.deep.tags" not in told


def test_what_all_events_have_outside_is_taken_however_much_it_is():
    """A flat event of a hundred values is a table of a hundred columns, and so is one in an envelope."""
    assert len(of(numbered(100)).columns) == 101
    assert len(of({"data": numbered(100)}).columns) == 101


def test_keys_that_are_data_become_no_columns():
    """An object whose names are data, other ones in every event, is left out as a whole."""
    proposal = of(*({"by_user": {f"u{number}": 1}} for number in range(100)))
    assert columns(proposal) == ["kind"]
    assert [each.path for each in proposal.left_out] == ["by_user"]


@pytest.mark.parametrize(("choice", "path"), [("event_time", "o.p.sent"), ("event_id", "o.p.nr")])
def test_what_is_chosen_is_taken_from_any_depth(choice, path):
    """The time and the id are in the schema wherever they are, with the objects around them."""
    proposal = of({"o": {"p": {"sent": AT, "nr": "a", **numbered(MOST_VALUES)}}}, **{choice: path})
    (inside,) = proposal.fields[2].type.fields
    assert [f"o.p.{each.name}" for each in inside.type.fields] == [path]


@pytest.mark.skipif(not GITHUB.exists(), reason="the recorded GitHub events are not there")
def test_events_of_github_become_a_table_that_a_person_can_read():
    """Of the hundreds of values of real events, those of actor, repository, organisation and payload are columns."""
    proposal = propose(read_sample(GITHUB), Choices())
    assert (proposal.event_id, proposal.event_time, proposal.category.field.name) == ("id", "created_at", "type")
    assert {"actor.login", "repo.name", "org.login", "payload.action"} <= set(columns(proposal))
    assert len(proposal.columns) <= MOST_VALUES
    assert proposal.beyond > 600
