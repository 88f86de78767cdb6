"""What is in quarantine, and what has left it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from streaming_assets.errors import TableError
from streaming_assets.layers.quarantine import Example, Group, QuarantineState, quarantine_state

AT = "2026-03-01T11:00:00Z"


@pytest.fixture
def lab(make_lab, make_source):
    """A lab of two batches with five records that do not fit; the user is pseudonymous."""
    lab = make_lab(make_source(pseudonymous=("user",)))
    lab.bronze({"at": AT}, {"at": AT, "kind": "view", "user": 7}, b"x", {"at": AT, "kind": "view"})
    lab.bronze({"at": AT, "kind": None}, {"at": AT, "user": "ada"}, {"at": AT, "kind": "view", "amount": "ten"})
    lab.refine()
    return lab


def example(lab, offset, batch, detail, value=None):
    return Example(
        topic="shop-events",
        partition=0,
        offset=offset,
        ingested_at=lab.noon + timedelta(seconds=batch),
        detail=detail,
        value=value,
    )


def test_records_are_counted_by_reason_and_field_with_the_newest_of_each(lab):
    """Each reason and field has its number of records, the largest first, and the record that came last."""
    state = quarantine_state(lab.source, lab.lake)
    assert (state.source, state.records, state.released, state.duplicates) == ("shop", 6, 0, 0)
    assert [(group.reason, group.field, group.records, group.newest.offset) for group in state.groups] == [
        ("missing_field", "$.kind", 2, 5),
        ("not_json", None, 1, 2),
        ("null_field", "$.kind", 1, 4),
        ("wrong_type", "$.amount", 1, 6),
        ("wrong_type", "$.user", 1, 1),
    ]
    assert state.groups[0].newest == example(lab, 5, 2, "found nothing, expected a string")


def test_nothing_that_is_pseudonymous_is_told(lab):
    """No detail tells what a pseudonymous field holds, and there are no values, which hold it in clear."""
    (group,) = [group for group in quarantine_state(lab.source, lab.lake).groups if group.field == "$.user"]
    assert group == Group(
        reason="wrong_type",
        field="$.user",
        records=1,
        newest=example(lab, 1, 1, "what was found is not shown, as the field is pseudonymous"),
    )


def test_a_detail_from_before_the_field_was_pseudonymous_is_not_told(lab):
    """A field that became pseudonymous after a record came is not told either."""
    schema = replace(lab.source.schema, pseudonymous=("user", "amount"))
    groups = quarantine_state(replace(lab.source, schema=schema), lab.lake).groups
    (group,) = [group for group in groups if group.field == "$.amount"]
    assert group.newest.detail == "what was found is not shown, as the field is pseudonymous"


def test_values_are_there_where_they_are_asked_for(lab):
    """With `raw` each example has its value as it came."""
    groups = quarantine_state(lab.source, lab.lake, raw=True).groups
    values = {group.newest.offset: group.newest.value for group in groups}
    assert (values[1], values[2]) == (b'{"at": "2026-03-01T11:00:00Z", "kind": "view", "user": 7}', b"x")


def test_a_quarantine_that_is_not_there_is_empty(make_lab):
    """A source that was never refreshed has nothing in quarantine."""
    lab = make_lab()
    nothing = QuarantineState(source="shop", records=0, released=0, duplicates=0, groups=())
    assert quarantine_state(lab.source, lab.lake) == nothing


def test_what_was_released_is_counted_apart(lab, make_lab, make_source):
    """Released records are in no group; how many there are is told, and how many of them as duplicates."""
    fields = tuple(replace(each, required=False) if each.name == "kind" else each for each in lab.source.schema.fields)
    silver = replace(lab.source.silver, sql="SELECT coalesce(kind, 'none') AS kind, user, amount FROM events")
    mended = make_lab(make_source(fields, silver=silver, pseudonymous=("user",)))
    mended._next = lab._next
    assert [step.silver for step in mended.replay()] == [3]

    state = quarantine_state(mended.source, mended.lake)
    assert (state.records, state.released, state.duplicates) == (3, 3, 0)
    assert [group.reason for group in state.groups] == ["not_json", "wrong_type", "wrong_type"]


def test_a_quarantine_that_can_not_be_read_is_told(lab):
    """A data file that is gone is a typed error that names the table."""
    for file in lab.open("quarantine").files():
        (lab.open("quarantine").path / file.path).unlink()
    with pytest.raises(TableError, match=r"shop\.quarantine"):
        quarantine_state(lab.source, lab.lake)
