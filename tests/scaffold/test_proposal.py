"""What a source shall be, as samples suggest it."""

from __future__ import annotations

import pytest

from streaming_assets.contract import Field, ScalarType, Struct
from streaming_assets.errors import SampleError
from streaming_assets.scaffold.definition import define
from streaming_assets.scaffold.proposal import Choices, propose, without_id

AT = "2026-03-01T11:00:00Z"
KINDS = ["click", "click", "view"]


def of(*records, **choices):
    return propose(records, Choices(**choices))


def fields(proposal):
    return {each.name: (each.type, each.required) for each in proposal.fields}


def event(**more):
    return {"at": AT, "kind": "click", **more}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["x", "y"], ScalarType.STRING),
        ([1, -(2**63)], ScalarType.LONG),
        ([1, 2**63], ScalarType.DOUBLE),
        ([1, 1.5], ScalarType.DOUBLE),
        ([True, False], ScalarType.BOOLEAN),
        (["x", 1], ScalarType.TEXT),
        ([True, 1], ScalarType.TEXT),
        ([AT, "2026-03-01T12:00:00.5+01:00"], ScalarType.TIMESTAMP),
        ([AT, "yesterday"], ScalarType.STRING),
        (["2026-03-01", "2026-02-28"], ScalarType.DATE),
        (["2026-03-01", "2026-02-30"], ScalarType.STRING),
    ],
)
def test_a_type_takes_all_values(values, kind):
    """The type of a field is the narrowest that takes every value of the sample."""
    assert fields(of(*(event(v=value) for value in values)))["v"] == (kind, True)


def test_what_may_be_missing_is_optional():
    """A field that is missing or null once is optional, inside objects as well."""
    proposal = of(event(a=1, o={"b": 1, "c": 2}), event(a=None, o={"b": 1}), event(a=1, o={"b": 1}))
    inside = (Field(name="b", type=ScalarType.LONG), Field(name="c", type=ScalarType.LONG, required=False))
    assert fields(proposal)["a"] == (ScalarType.LONG, False)
    assert fields(proposal)["o"] == (Struct(fields=inside), True)
    assert [(each.expression, each.field.name, each.field.required) for each in proposal.columns][1:] == [
        ("a", "a", False),
        ("o.b", "o_b", True),
        ("o.c", "o_c", False),
    ]


@pytest.mark.parametrize(
    ("record", "path", "kind"),
    [
        ({"created_at": AT, "timestamp": AT}, "timestamp", ScalarType.TIMESTAMP),
        ({"sent": AT}, "sent", ScalarType.TIMESTAMP),
        ({"meta": {"eventTime": AT}, "sent": AT}, "meta.eventTime", ScalarType.TIMESTAMP),
        ({"ts": 1_659_304_800_025}, "ts", ScalarType.EPOCH_MILLIS),
        ({"ts": 1_659_304_800}, "ts", ScalarType.EPOCH_SECONDS),
        ({"time": 1_659_304_800.25}, "time", ScalarType.EPOCH_SECONDS),
    ],
)
def test_the_time_is_found(record, path, kind):
    """A field that every event has as a time is proposed, one that is named so first, with how it tells the time."""
    proposal = of({**record, "kind": "x"})
    (found,) = [each for each in proposal.fields if each.name == path.partition(".")[0]]
    assert proposal.event_time == path
    assert kind in {found.type, *(each.type for each in getattr(found.type, "fields", ()))}


@pytest.mark.parametrize(
    "records",
    [
        [{"kind": "x"}],
        [{"at": AT}, {"kind": "x"}],
        [{"at": "2015-05-17 10:05:03", "kind": "x"}],
        [{"number": 1_659_304_800, "kind": "x"}],
        [{"ts": 12, "kind": "x"}],
    ],
    ids=["none", "not always", "no offset", "name of no time", "no year of ours"],
)
def test_without_a_time_there_is_no_source(records):
    """Where no field is surely the time the author is asked for it."""
    with pytest.raises(SampleError, match="when an event happened"):
        of(*records)


def test_a_number_is_the_time_where_its_author_says_so():
    """A number whose name is no time's counts from 1970 where it was chosen."""
    assert of({"number": 1_659_304_800, "kind": "x"}, event_time="number").event_time == "number"


def test_events_inside_of_records_are_found():
    """Where records have no time and the items of an array have one, the items are the events, with an id added."""
    items = [{"ts": 1_659_304_800_025 + number, "kind": kind} for number, kind in enumerate(KINDS)]
    proposal = of({"session": 1, "events": items}, {"session": 2, "events": items[:1]}, {"session": 3, "events": []})
    assert (proposal.items, proposal.event_time, proposal.event_id, proposal.adds_id) == (
        "events",
        "ts",
        "event_id",
        True,
    )
    assert [each.field.name for each in proposal.columns] == ["session", "kind"]


def test_what_is_an_array_only_sometimes_holds_no_events():
    """A field that is an array in one record and something else in another one is no place to look for events."""
    with pytest.raises(SampleError, match="when an event happened"):
        of({"events": [{"at": AT, "kind": "k"}]}, {"events": 5})


def test_a_chosen_time_is_looked_for_inside_of_records():
    """A time that only the items of an array have makes them the events; one that the records have, the records."""
    record = {"opened_at": AT, "events": [{"ts": 1_659_304_800, "kind": "k"}], "shop": 1}
    assert of(record, event_time="ts").items == "events"
    assert of(record, event_time="opened_at").items is None


@pytest.mark.parametrize(
    ("ids", "expected"),
    [([1, 2, 3], "id"), (["a", "b", "c"], "id"), ([1, 1, 1], None), ([1.5, 2.5, 3.5], None), ([1, 2, None], None)],
)
def test_an_id_tells_events_apart(ids, expected):
    """A field of an id's name identifies events where every event has it, and another one each."""
    assert of(*(event(id=value) for value in ids)).event_id == expected


def test_what_may_identify_an_event_is_told_where_nothing_does():
    """Without an id it is told what that means, and which values differ in each event of the sample."""
    events = [event(tripId=f"t{number}", shop=number % 2, at=f"2026-03-01T11:00:0{number}Z") for number in range(4)]
    told = without_id(of(*events))
    assert told is not None
    assert "one that comes twice counts twice" in told
    assert "differ in each event of the sample: tripId; --id" in told
    assert without_id(of(*events, event_id="tripId")) is None
    assert "tripId; event_id= names the one" in str(without_id(of(*events), "event_id= names"))
    assert without_id(of(*(each | {"tripId": "t"} for each in events))) == (
        "No field identifies an event: one that comes twice counts twice."
    )


@pytest.mark.parametrize(("around", "expected"), [("user", None), ("meta", "meta.id"), ("event", "event.id")])
def test_the_id_of_something_inside_is_not_the_events(around, expected):
    """An id inside of an object is the event's only where the object stands for the event."""
    assert of(event(**{around: {"id": "u1"}})).event_id == expected


def test_the_id_of_a_record_is_not_its_items():
    """What identifies the record around them identifies no item; an id of their own does."""
    record = {"id": 1, "events": [{"at": AT, "kind": "k"}]}
    assert of(record).adds_id
    assert of({"id": 1, "events": [{"id": 2, "at": AT, "kind": "k"}]}).event_id == "id"


def test_fields_that_differ_in_capitals_are_one():
    """An id that differs from another field only in capitals is not taken, and none is added beside such a one."""
    item = {"at": AT, "kind": "k"}
    proposal = of({"ID": 1, "events": [item | {"id": "a0"}]}, {"ID": 1, "events": [item | {"id": "a1"}]})
    assert (proposal.event_id, proposal.adds_id) == ("event_id", True)
    assert [each.path for each in proposal.left_out] == ["id"]
    assert not of({"Event_Id": 1, "events": [item]}).adds_id


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ({"duration_ms": 700_000_000_000, "sent": AT}, "sent"),
        ({"total_seconds": 700_000_000, "sent": AT}, "sent"),
        ({"amount_at": 1_500_000_000, "sent": AT}, "sent"),
    ],
)
def test_a_text_that_is_a_time_goes_before_numbers(record, path):
    """A number is not taken for a time where a text says that it is one; a duration is none."""
    assert of({**record, "kind": "x"}).event_time == path


@pytest.mark.parametrize("items", ["nope", "kind", "tags", "one.events"])
def test_items_have_to_be_an_array_of_objects(items):
    """A field that holds no objects in an array is refused, with those that do."""
    with pytest.raises(SampleError) as caught:
        of(event(tags=[1], events=[{"at": AT}], one={"events": [{"at": AT}]}), items=items)
    assert "there are events" in caught.value.found


@pytest.mark.parametrize("name", ["id", "user.id"])
def test_an_id_is_what_the_author_says(name):
    """The author may choose another field, or none."""
    record = event(id=1, user={"id": 7})
    assert of(record, record, event_id=name).event_id == name
    assert of(event(id=1), event_id="").event_id is None
    with pytest.raises(SampleError, match="no such id"):
        of(record, event_id="idd")


@pytest.mark.parametrize(
    ("path", "kind"), [("d", "double"), ("flag", "boolean"), ("ts", "epoch_seconds"), ("mixed", "text")]
)
def test_an_id_is_a_text_or_a_whole_number(path, kind):
    """A value of another type, or the time, is refused as id, and told with its type; no such one is proposed."""
    records = [{"ts": 1_659_304_800, "d": 1.5, "flag": True, "mixed": value} for value in ("x", 1)]
    with pytest.raises(SampleError, match="no such id") as caught:
        of(*records, event_id=path)
    assert caught.value.found == f"'{path}', of the type {kind}"
    with pytest.raises(SampleError, match="no such id") as caught:
        of(*(record | {"kind": "x"} for record in records), event_id="zzz")
    assert caught.value.found == "'zzz'; there are kind"


def test_the_time_is_no_id():
    """A number that is named like an id and chosen as the time is not taken as the id, too."""
    assert of({"id": 1_659_304_800, "kind": "x"}, event_time="id").event_id is None


def test_arrays_and_mixtures_are_left_out():
    """What has no place in the schema is told with the reason: arrays, values of several kinds, and none at all."""
    told = of(event(tags=["x"], mixed={"a": 1}, never=None, o={"tags": [1], "b": 1}), event(mixed=1)).left_out
    assert [each.path for each in told] == ["tags", "mixed", "never", "o.tags"]


def test_what_is_too_deep_is_left_out():
    """Values up to 32 levels deep are taken, the event's own fields being the first; deeper ones are left out."""
    deep = {"x": "y", "deeper": {"x": "y"}}
    for _ in range(31):
        deep = {"o": deep}
    proposal = of(event(**deep))
    assert proposal.columns[-1].expression == ".".join("o" * 31 + "x")
    assert [each.path for each in proposal.left_out] == [".".join(["o"] * 31 + ["deeper", "x"])]


@pytest.mark.parametrize("name", ["a.b", "a b", "_sa_x", ""])
def test_names_that_no_schema_takes_are_left_out(name):
    """A field whose name is no legal one is left out, and the rest is a source."""
    proposal = of(event(**{name: 1}))
    assert [each.name for each in proposal.fields] == ["at", "kind"]
    assert len(proposal.left_out) == 1


def test_columns_have_names_of_their_own():
    """A column has no name of the framework's, no other one's, and is quoted where SQL reads the name otherwise."""
    record = {"at": AT, "topic": 1, "a-b": 1, "a_b": 1, "select": 1, "1st": 1, "Kind": "x", "o": {"a$": 1}}
    columns = of(record).columns
    assert [(each.expression, each.field.name) for each in columns] == [
        ("topic", "topic_2"),
        ("`a-b`", "a_b_2"),
        ("a_b", "a_b"),
        ("`select`", "value_select"),
        ("`1st`", "value_1st"),
        ("`Kind`", "kind"),
        ("o.`a$`", "o_a"),
    ]


@pytest.mark.parametrize("word", ["all", "cube", "rollup", "interval", "distinct", "window"])
def test_words_of_sql_name_no_column(word):
    """What SQL reads as another thing, if only where it groups, is quoted, and events are counted by it nonetheless."""
    proposal = of(*({word: kind, "at": AT, "n": 1} for kind in KINDS))
    (column, _) = proposal.columns
    assert (column.expression, column.field.name, proposal.category) == (f"`{word}`", f"value_{word}", column)
    assert define("x", "x", proposal).definition.gold[0].keys == ("window_start", f"value_{word}")


def test_columns_have_readable_names_whatever_the_letters():
    """Marks are taken off letters, other scripts get a number, and a name in plain letters stays as it is."""
    record = {"at": AT, "größe": 1, "é": 1, "e": 1, "日本": 1, "名前": 1, "Øre": {"日本": 1, "Łódź-id": 1}, "_x": 1}
    assert [(each.expression, each.field.name) for each in of(record).columns] == [
        ("`größe`", "grosse"),
        ("`é`", "e_2"),
        ("e", "e"),
        ("`日本`", "field_1"),
        ("`名前`", "field_2"),
        ("`Øre`.`日本`", "ore_field_1"),
        ("`Øre`.`Łódź-id`", "ore_lodz_id"),
        ("_x", "_x"),
    ]


def test_long_paths_lose_their_beginning():
    """Of a path that is too long for a name its end stays, which tells values apart."""
    (column,) = of({"at": AT, "outer" * 10: {"inner": {"city": "x"}}}).columns
    assert column.field.name == "inner_city"


def test_a_name_with_a_dot_is_not_a_path():
    """A field `a.b` is left out, and told in quotes; the field `b` inside of `a` stays."""
    proposal = of(event(**{"a.b": 1, "a": {"b": 2}}))
    assert [each.path for each in proposal.left_out] == ["'a.b'"]
    assert [each.expression for each in proposal.columns] == ["kind", "a.b"]


def test_events_are_counted_by_what_sorts_them():
    """Gold counts by a text of few values that every event has, named like a kind at best, and by no person."""
    records = [event(kind=kind, shop=f"s{number % 2}", note=f"n{number}") for number, kind in enumerate(KINDS)]
    assert of(*records).category.field.name == "kind"
    assert of(*({**record, "kind": "x"} for record in records)).category.field.name == "shop"
    assert of({"at": AT, "n": 1}).category is None
    assert of(*({"at": AT, "patient_email": f"{'ab'[n % 2]}@c.example"} for n in range(8))).category is None
    assert of(*({"at": AT, "order": f"o{number}"} for number in range(20))).category is None


def test_a_time_alone_is_no_source():
    """A table needs something to hold; why nothing else has a place is told."""
    with pytest.raises(SampleError, match="nothing to put into a table") as caught:
        of({"at": AT, "tags": [1], "a.b": 1})
    assert [line.partition(":")[0] for line in caught.value.found.split("\n")[1:]] == ["tags", "'a.b'"]
