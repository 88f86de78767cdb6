"""A sample that does not tell the time is refused with the field that nearly does, a value of it, and what to do."""

from __future__ import annotations

import pytest

from streaming_assets.errors import SampleError
from streaming_assets.scaffold.proposal import Choices, propose

AT = "2026-03-01T11:00:00Z"


def refused(records, **choices):
    """What is found, and what to do, by lines."""
    with pytest.raises(SampleError, match="when an event happened") as caught:
        propose([{"kind": "x", **record} for record in records], Choices(**choices))
    return caught.value.found, caught.value.remedy.split("\n")[0]


@pytest.mark.parametrize(
    ("value", "found", "remedy"),
    [
        ("2015-05-17 10:05:03", "'2015-05-17 10:05:03' has no offset", "such as 2015-05-17T10:05:03Z, if it is UTC"),
        ("2015-05-17T10:05", "'2015-05-17T10:05' has no offset", "such as 2015-05-17T10:05:00Z, if it is UTC"),
        ("2015-05-17T10:05:03+0200", "another way than RFC 3339", "as 2015-05-17T10:05:03+02:00"),
        ("2015-05-17", "'2015-05-17' is a day", "such as 2015-05-17T00:00:00Z"),
        ("17/May/2015:10:05:03", "'17/May/2015:10:05:03' is no RFC 3339", "such as 2026-03-01T11:00:00Z"),
        ("1659304800", "'1659304800' is a number written as text", "as a JSON number"),
        (1_659_304_800_000_025, "1659304800000025 counts microseconds since 1970", "divide it by 1,000 to"),
        (1_659_304_800_000_000_025, "1659304800000000025 counts nanoseconds since 1970", "divide it by 1,000,000 to"),
        (12, "12 is no number of seconds or milliseconds", "another field"),
        (True, "True is no time", "another field"),
    ],
)
def test_a_value_that_nearly_tells_the_time_is_shown(value, found, remedy):
    """A field named like a time is told with a value and how to write it, whether it was chosen or not."""
    for choices in ({}, {"event_time": "created"}):
        told = refused([{"created": value}], **choices)
        assert (found in told[0], remedy in told[1]) == (True, True), told
        assert [line.partition(":")[0] for line in told] == ["created", "created"]


def test_only_the_value_that_does_not_read_is_shown():
    """Where most values are times, one that is none is shown."""
    assert refused([{"at": AT}, {"at": "2026-03-01T11:00:00"}])[0] == "at: '2026-03-01T11:00:00' has no offset"


def test_the_value_that_does_not_read_may_come_late():
    """Of ever so many times the text that is none is shown, also an empty one."""
    times = [{"at": f"2026-03-01T{number // 60:02}:{number % 60:02}:00Z"} for number in range(1_200)]
    assert refused([*times, {"at": "n/a"}])[0] == "at: 'n/a' is no RFC 3339"
    assert refused([{"at": AT}, {"at": ""}])[0] == "at: '' is no RFC 3339"


def test_the_number_out_of_range_is_shown():
    """Where most numbers are times, one that is none is shown, and units that are mixed are told as such."""
    found, remedy = refused([{"ts": 1_772_000_000}, {"ts": 1_772_000_001}, {"ts": 0}])
    assert found == "ts: 0 is no number of seconds or milliseconds from 1990 to 2100"
    assert remedy.startswith("ts: write the time into every event")
    found, remedy = refused([{"ts": 1_772_000_000}, {"ts": 1_772_000_001_000}])
    assert found == "ts: 1772000000 counts seconds since 1970, and 1772000001000 milliseconds"
    assert remedy.startswith("ts: write all in one unit")


def test_a_time_in_an_array_is_told_with_its_options():
    """A time in the items of an array is told as one, with the options by which it is taken; these are taken."""
    numbered = {"items": [{"when": 1_772_000_000}]}
    found, remedy = refused([numbered])
    assert found == "items[].when: 1772000000 may count from 1970, and may not"
    assert "by --items items --time when if it does" in remedy
    assert propose([{"kind": "x", **numbered}], Choices(items="items", event_time="when")).event_time == "when"
    found, remedy = refused([{"$items": [{"when": AT}]}], items="")
    assert found == f"$items[].when: '{AT}' tells when something in an array happened"
    assert "by --items '$items' --time when" in remedy


def test_an_array_without_a_name_is_no_place_for_events():
    """No option can name an array whose name is empty, so none is proposed for a time in it."""
    assert refused([{"": [{"ts": AT}]}]) == (
        "no field like a time; fields are kind",
        "name a field by --time, and the array that holds the events by --items, if one does",
    )


def test_a_time_that_is_missing_in_events_is_told():
    """Of a time that some events lack it is told how many do; null is missing, and so is the object around it."""
    found, _ = refused([{"meta": {"at": AT}}, {"meta": {"at": None}}, {"meta": {}}, {}])
    assert found == f"meta.at: missing or null in 3 of 4 events, elsewhere such as {AT}"


def test_a_number_of_another_name_is_shown_where_it_was_not_chosen():
    """Nothing is guessed of a number whose name is no time's; it is told where it may be one, else the names are."""
    found, remedy = refused([{"number": 1_659_304_800}])
    assert found == "number: 1659304800 may count from 1970, and may not"
    assert remedy.startswith("number: name it by --time number if it does")
    found, remedy = refused([{"number": 12}])
    assert found == "no field like a time; fields are kind, number"
    assert remedy.startswith("name a field by --time")


@pytest.mark.parametrize(
    ("chosen", "found", "remedy"),
    [
        ("meta.creatd_at", "no such field", "did you mean meta.created_at?"),
        ("created_at", "no such field", "did you mean meta.created_at?"),
        ("meta", "an object", "name a value inside of it: meta.created_at"),
        ("zzz", "no such field", "there are kind, meta.created_at"),
        ("sent.at", "a dot in it", "rename it"),
        ("items.ts", "an array", "--items items, and the time by --time ts"),
        ("items[].ts", "an array", "--items items, and the time by --time ts"),
    ],
)
def test_a_path_that_leads_nowhere_is_told_with_the_nearest(chosen, found, remedy):
    """A path that is no single value is refused with what stands there, and the path that may be meant."""
    record = {"meta": {"created_at": AT}, "sent.at": AT, "items": [{"ts": 1_659_304_800}]}
    told = refused([record], event_time=chosen)
    assert (found in told[0], remedy in told[1]) == (True, True), told


def test_times_in_arrays_and_of_dotted_names_are_looked_at():
    """Where no field of the events is like a time, those in their arrays are told, and those with a dot."""
    found, _ = refused([{"sent.at": AT, "events": [{"ts": 1_659_304_800_000_025}, {}]}])
    assert found.split("\n") == [
        "events[].ts: 1659304800000025 counts microseconds since 1970",
        "'sent.at': one name that has a dot in it, which no schema takes",
    ]
