"""Whether records fit, decided on hand-made bytes."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from streaming_assets.contract import Array, EventSchema, Field, Rule, ScalarType, Struct
from streaming_assets.fitting import MAX_DEPTH, Fit, Fitter, Misfit, Reason, is_required, lookup

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT = "2026-03-01T11:00:00Z"


def field(name, kind, *, required=True):
    return Field(name=name, type=ScalarType(kind) if isinstance(kind, str) else kind, required=required)


def schema(*fields, event_id=None, **more):
    return EventSchema(fields=(field("at", "timestamp"), *fields), event_time="at", event_id=event_id, **more)


ONE = schema(field("a", "string", required=False))
"""An event with a time and an optional text `a`."""


def decide(value, definition=ONE, seen_at=NOW):
    if isinstance(value, str):
        value = value.encode()
    return Fitter(definition).fit(value, seen_at)


def decide_value(text, kind, *, required=True):
    """Decide about an event whose field `a` of some type has the given JSON."""
    return decide(f'{{"at":"{AT}","a":{text}}}', schema(field("a", kind, required=required)))


def value_of(text, kind):
    found = decide_value(text, kind)
    assert isinstance(found, Fit), found
    return found.event["a"]


def event(**fields):
    return json.dumps({"at": AT, **fields})


def with_a(text):
    return f'{{"at":"{AT}","a":{text}}}'


STRICT = schema(
    field("a", "string"), field("n", "long", required=False), field("day", "date", required=False),
    rules=(Rule(field="a", pattern="[a-z]+"),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, Misfit(Reason.NO_VALUE, None, "found no value")),
        (b"", Misfit(Reason.NO_VALUE, None, "found an empty value")),
        (b'{"a":"\xff"}', Misfit(Reason.NOT_UTF8, None, "found byte 0xff at byte 6")),
        (b"[1 2]", Misfit(Reason.NOT_JSON, None, "Expecting ',' delimiter: line 1 column 4 (char 3)")),
        ("[" * 257 + "]" * 257, Misfit(Reason.TOO_DEEP, None, "expected at most 256 levels of nesting")),
        (b"[]", Misfit(Reason.NOT_AN_OBJECT, None, "found an array, expected an object")),
        (b'"x"', Misfit(Reason.NOT_AN_OBJECT, None, 'found the string "x", expected an object')),
        (b"null", Misfit(Reason.NOT_AN_OBJECT, None, "found null, expected an object")),
        (with_a('"x","a":"x"'), Misfit(Reason.DUPLICATE_FIELD, "$.a", "found the field more than once")),
        (event(), Misfit(Reason.MISSING_FIELD, "$.a", "found nothing, expected a string")),
        (event(a=None), Misfit(Reason.NULL_FIELD, "$.a", "found null, expected a string")),
        (event(a=7), Misfit(Reason.WRONG_TYPE, "$.a", "found 7, expected a string")),
        (event(a=[7]), Misfit(Reason.WRONG_TYPE, "$.a", "found an array, expected a string")),
        (event(a="x", n=2**63),
         Misfit(Reason.OUT_OF_RANGE, "$.n", "found 9223372036854775808, expected a 64-bit integer")),
        (with_a(r'"x\ud800"'), Misfit(Reason.NOT_TEXT, "$.a", "found a lone surrogate at character 1")),
        (event(at="today", a="x"),
         Misfit(Reason.BAD_TIMESTAMP, "$.at", 'found "today", expected RFC 3339 with an offset')),
        (event(a="x", day="2026-2-1"),
         Misfit(Reason.BAD_DATE, "$.day", 'found "2026-2-1", expected a date YYYY-MM-DD')),
        (event(a="X"),
         Misfit(Reason.PATTERN_MISMATCH, "$.a", 'found "X", expected text that matches [a-z]+')),
        (event(at="2026-03-02T12:00:01Z", a="x"),
         Misfit(Reason.EVENT_TIME_IN_FUTURE, "$.at",
                "found 2026-03-02T12:00:01+00:00, expected at most a day after 2026-03-01T12:00:00+00:00")),
    ],
)  # fmt: skip
def test_misfits_name_reason_place_and_detail(value, expected):
    """Each way not to fit has its reason, the path of the field, and what was found and expected."""
    assert expected == decide(value, STRICT)


def test_every_reason_of_the_fitter_is_proved():
    """The table of misfits has every reason but the one that only a Silver transform gives."""
    (cases,) = (mark for mark in test_misfits_name_reason_place_and_detail.pytestmark if mark.name == "parametrize")
    assert set(Reason) - {Reason.SILVER_FAILED} == {expected.reason for _, expected in cases.args[1]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T11:00:00Z", datetime(2026, 3, 1, 11, tzinfo=UTC)),
        ("2026-03-01t11:00:00z", datetime(2026, 3, 1, 11, tzinfo=UTC)),
        ("2026-03-01 11:00:00Z", datetime(2026, 3, 1, 11, tzinfo=UTC)),
        ("2026-03-01T11:00:00+05:30", datetime(2026, 3, 1, 5, 30, tzinfo=UTC)),
        ("2026-03-01T11:00:00-00:00", datetime(2026, 3, 1, 11, tzinfo=UTC)),
        ("2026-03-01T00:00:00+23:59", datetime(2026, 2, 28, 0, 1, tzinfo=UTC)),
        ("2026-03-01T11:00:00.5Z", datetime(2026, 3, 1, 11, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-03-01T11:00:00.1234569Z", datetime(2026, 3, 1, 11, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-03-01T11:00:00.999999999999Z", datetime(2026, 3, 1, 11, 0, 0, 999_999, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31T23:59:60.25Z", datetime(2017, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.9999999Z", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_timestamps_of_rfc_3339_become_utc(text, expected):
    """Any offset becomes UTC, digits after the microsecond are cut off, a leap second is the next minute's first."""
    assert expected == value_of(json.dumps(text), "timestamp")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-02-30T00:00:00Z", Reason.BAD_TIMESTAMP),
        ("2026-02-29T00:00:00Z", Reason.BAD_TIMESTAMP),
        ("0000-01-01T00:00:00Z", Reason.BAD_TIMESTAMP),
        ("2026-03-01T24:00:00Z", Reason.BAD_TIMESTAMP),
        ("2026-03-01T11:60:00Z", Reason.BAD_TIMESTAMP),
        ("2026-03-01T11:00:61Z", Reason.BAD_TIMESTAMP),
        ("2026-03-01T11:00:00+24:00", Reason.BAD_TIMESTAMP),
        ("2026-03-01T11:00:00+25:00", Reason.BAD_TIMESTAMP),
        ("2026-03-01T11:00:00+23:60", Reason.BAD_TIMESTAMP),
        ("2026-03-01T11:00:00", Reason.BAD_TIMESTAMP),
        ("2026-03-01T11:00:00+0100", Reason.BAD_TIMESTAMP),
        ("2026-03-01T11:00Z", Reason.BAD_TIMESTAMP),
        ("2026-03-01", Reason.BAD_TIMESTAMP),
        ("2026-03-01T11:00:00.Z", Reason.BAD_TIMESTAMP),
        ("2026-03-01T11:00:00,5Z", Reason.BAD_TIMESTAMP),
        ("2026-03-01_11:00:00Z", Reason.BAD_TIMESTAMP),
        (" 2026-03-01T11:00:00Z", Reason.BAD_TIMESTAMP),
        ("2026-03-01T11:00:00Z\n", Reason.BAD_TIMESTAMP),
        ("+2026-03-01T11:00:00Z", Reason.BAD_TIMESTAMP),
        ("٢٠٢٦-03-01T11:00:00Z", Reason.BAD_TIMESTAMP),
        ("now", Reason.BAD_TIMESTAMP),
        ("infinity", Reason.BAD_TIMESTAMP),
        ("", Reason.BAD_TIMESTAMP),
        ("9999-12-31T23:59:59-01:00", Reason.OUT_OF_RANGE),
        ("0001-01-01T00:00:00+01:00", Reason.OUT_OF_RANGE),
        ("9999-12-31T23:59:60Z", Reason.OUT_OF_RANGE),
    ],
)
def test_other_timestamps_are_refused(text, reason):
    """A text that is not RFC 3339, names no real moment or leaves the years 1 to 9999 in UTC does not fit."""
    found = decide_value(json.dumps(text), "timestamp")
    assert (reason, "$.a") == (found.reason, found.field)


EPOCHS = [
    ("epoch_seconds", "0", datetime(1970, 1, 1, tzinfo=UTC)),
    ("epoch_seconds", "1659304800", datetime(2022, 7, 31, 22, tzinfo=UTC)),
    ("epoch_seconds", "1659304800.0250009", datetime(2022, 7, 31, 22, 0, 0, 25_000, tzinfo=UTC)),
    ("epoch_seconds", "16593048e2", datetime(2022, 7, 31, 22, tzinfo=UTC)),
    ("epoch_seconds", "-0.0000001", datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ("epoch_seconds", "-62135596800", datetime(1, 1, 1, tzinfo=UTC)),
    ("epoch_seconds", "253402300799.999999999", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ("epoch_millis", "1659304800025", datetime(2022, 7, 31, 22, 0, 0, 25_000, tzinfo=UTC)),
    ("epoch_millis", "1659304800025.4567", datetime(2022, 7, 31, 22, 0, 0, 25_456, tzinfo=UTC)),
    ("epoch_millis", "-1", datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
]


@pytest.mark.parametrize(("kind", "text", "expected"), EPOCHS, ids=str)
def test_numbers_since_1970_become_utc(kind, text, expected):
    """A number counts from the beginning of 1970, and what is finer than a microsecond is cut off."""
    assert value_of(text, kind) == expected


@pytest.mark.parametrize("text", ["-62135596801", "253402300800", "1e400", "9" * 400, "1e-99999999999999999999"])
def test_numbers_beyond_all_years_are_out_of_range(text):
    """A number of seconds outside the years 1 to 9999, or with an exponent beyond computing, does not fit."""
    assert decide_value(text, "epoch_seconds").reason == Reason.OUT_OF_RANGE


@pytest.mark.parametrize("text", ['"1659304800"', "true", "{}", "[]", '"2022-07-31T22:00:00Z"'])
def test_other_values_are_no_epochs(text):
    """Only a number counts from 1970."""
    assert decide_value(text, "epoch_millis").reason == Reason.WRONG_TYPE


@pytest.mark.parametrize(("text", "expected"), [("2024-02-29", date(2024, 2, 29)), ("0001-01-01", date(1, 1, 1))])
def test_dates_that_exist_fit(text, expected):
    """A date is taken as it stands."""
    assert expected == value_of(json.dumps(text), "date")


@pytest.mark.parametrize("text", ["2026-02-29", "0000-01-01", "2026-13-01", "20260101", "2026-1-1", "infinity", ""])
def test_other_dates_are_refused(text):
    """A day that does not exist or is written otherwise does not fit."""
    assert decide_value(json.dumps(text), "date").reason is Reason.BAD_DATE


@pytest.mark.parametrize(
    ("text", "expected"), [("0", 0), ("-0", 0), (str(2**63 - 1), 2**63 - 1), (str(-(2**63)), -(2**63))]
)
def test_64_bit_integers_fit(text, expected):
    """The whole range of 64 bits fits a LONG."""
    assert expected == value_of(text, "long")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (str(2**63), Reason.OUT_OF_RANGE),
        (str(-(2**63) - 1), Reason.OUT_OF_RANGE),
        ("9" * 5_000, Reason.OUT_OF_RANGE),
        ("-" + "9" * 5_000, Reason.OUT_OF_RANGE),
        ("1.0", Reason.WRONG_TYPE),
        ("1e2", Reason.WRONG_TYPE),
        ("1e400", Reason.WRONG_TYPE),
        ("true", Reason.WRONG_TYPE),
        ('"1"', Reason.WRONG_TYPE),
        ("{}", Reason.WRONG_TYPE),
    ],
)
def test_other_numbers_are_no_longs(text, reason):
    """Larger integers are out of range, and anything with fraction, exponent or quotes is of another type."""
    assert reason is decide_value(text, "long").reason


def test_details_stay_short():
    """A value of five thousand digits is shown in part only."""
    assert len(decide_value("9" * 5_000, "long").detail) < 150


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", 1.0), ("-0.0", -0.0), ("1.5", 1.5), ("1E2", 100.0), ("18446744073709551616", 2.0**64), ("5e-324", 5e-324)],
)
def test_any_finite_number_is_a_double(text, expected):
    """A DOUBLE takes numbers in every notation."""
    assert repr(expected) == repr(value_of(text, "double"))


@pytest.mark.parametrize("text", ["1e400", "-1e400", "9" * 400, "1" + "0" * 5_000])
def test_numbers_beyond_double_are_out_of_range(text):
    """A number that would become infinite does not fit."""
    assert decide_value(text, "double").reason is Reason.OUT_OF_RANGE


@pytest.mark.parametrize("text", ["true", '"1"', "[]"])
def test_other_values_are_no_doubles(text):
    """Only JSON numbers fit a DOUBLE."""
    assert decide_value(text, "double").reason is Reason.WRONG_TYPE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"x"', "x"),
        ("12", "12"),
        ("1.10", "1.10"),
        ("1E2", "1E2"),
        ("1e400", "1e400"),
        ("9" * 5_000, "9" * 5_000),
        ("true", "true"),
        ("false", "false"),
        (r'"\u0000"', "\0"),
    ],
)
def test_text_takes_numbers_as_they_are_written(text, expected):
    """TEXT is a string's value, or the very characters of a number or boolean."""
    assert expected == value_of(text, "text")


@pytest.mark.parametrize("text", ["{}", "[1]"])
def test_text_takes_no_structures(text):
    """TEXT is a single value."""
    assert decide_value(text, "text").reason is Reason.WRONG_TYPE


@pytest.mark.parametrize(("text", "expected"), [("true", True), ("false", False)])
def test_booleans_fit(text, expected):
    """A BOOLEAN is true or false."""
    assert expected is value_of(text, "boolean")


@pytest.mark.parametrize("text", ["0", '"true"', "1.0"])
def test_other_values_are_no_booleans(text):
    """Numbers and texts are no booleans."""
    assert decide_value(text, "boolean").reason is Reason.WRONG_TYPE


@pytest.mark.parametrize(
    "text",
    [
        with_a("NaN"), with_a("Infinity"), with_a("-Infinity"), with_a('"x",'), with_a("[1,]"), "\ufeff" + event(),
        event() + "//", "/**/" + event(), event() + event(), event()[:-1], "{'at':1}", with_a("01"), with_a(".5"),
        with_a("+1"), with_a('"a\tb"'), with_a(r'"\x41"'), with_a('"\0"'), "  ", with_a("True"), with_a("\uff11"),
    ],
)  # fmt: skip
def test_only_rfc_8259_is_json(text):
    """Constants, commas, marks and comments that some parsers take are no JSON here, whatever field they stand in."""
    assert decide(text).reason is Reason.NOT_JSON


def test_white_space_around_values_fits():
    """JSON's four white-space characters may stand between any two tokens."""
    assert isinstance(decide(f' \r\n\t{{ "at" :\n"{AT}" , "a"\t: "x" }} \n'), Fit)


@pytest.mark.parametrize("text", ['"x","b":1,"b":2', r'"x","b":"\ud800"', '"x","b":{"a":1,"a":2}', '"x","b":1e400'])
def test_undeclared_fields_cost_nothing(text):
    """What is not declared may repeat, hold lone surrogates or numbers of any size."""
    assert decide(with_a(text)).event["a"] == "x"


def test_an_escaped_name_is_the_same_name():
    """A field that is repeated with an escaped letter in its name is repeated."""
    assert decide(with_a(r'"x","\u0061":"y"')).reason is Reason.DUPLICATE_FIELD


def test_names_that_differ_in_capitals_are_others():
    """A declared field is found by its exact name only."""
    assert decide(event(A="x")).event["a"] is None


def test_surrogate_pairs_are_one_character():
    """An escaped pair of surrogates is the character it stands for."""
    assert value_of(r'"\ud83d\ude00"', "string") == "😀"


def test_nul_is_a_character():
    """A NUL in a text fits and is kept."""
    assert value_of(r'"a\u0000b"', "string") == "a\0b"


def nested(depth, inside=""):
    """An event nested to a depth, itself counted."""
    return with_a('"x","b":' + "[" * (depth - 1) + inside + "]" * (depth - 1))


def test_256_levels_fit():
    """The deepest nesting that is allowed fits."""
    assert MAX_DEPTH == 256
    assert isinstance(decide(nested(256)), Fit)


@pytest.mark.parametrize("depth", [257, 1_000_000])
def test_deeper_levels_do_not_fit(depth):
    """One level more does not fit, and a million levels break nothing."""
    assert decide(nested(depth)).reason is Reason.TOO_DEEP


@pytest.mark.parametrize("text", [r'"[[[{{\"[[\\"', r'"\\\"["', '"]"'])
def test_brackets_inside_strings_are_not_levels(text):
    """Brackets in texts, also after escaped quotes, do not count."""
    inside = ",".join([text] * 300)
    assert isinstance(decide(nested(256, inside)), Fit)
    assert decide(nested(257, inside)).reason is Reason.TOO_DEEP


def test_a_cut_off_document_of_quotes_is_decided():
    """A large record that ends inside a string of escaped quotes is looked at once, not once for each quote."""
    assert decide(with_a('"' + '{\\"a\\":[' * 500_000)[:-1]).reason is Reason.NOT_JSON


def test_many_names_of_which_one_repeats_are_decided():
    """An object of very many names is counted once, not once for each name."""
    names = ",".join(f'"{number}":0' for number in range(200_000))
    assert isinstance(decide(with_a(f'"x","0":0,{names}')), Fit)


@pytest.mark.parametrize("text", [with_a("null"), event()])
def test_a_null_optional_field_is_a_missing_one(text):
    """For an optional field, null and absence are the same."""
    assert decide(text).event == {"at": datetime(2026, 3, 1, 11, tzinfo=UTC), "a": None}


ACTOR = Struct(fields=(field("login", "string"), field("team", Struct(fields=(field("id", "long"),)), required=False)))


@pytest.mark.parametrize(
    ("actor", "expected"),
    [
        ({"login": "ada"}, {"login": "ada", "team": None}),
        ({"login": "ada", "team": None}, {"login": "ada", "team": None}),
        ({"login": "ada", "team": {"id": 7, "x": 1}, "y": 2}, {"login": "ada", "team": {"id": 7}}),
    ],
)
def test_objects_keep_their_declared_fields(actor, expected):
    """A nested object has all of its declared fields, and no others."""
    assert expected == value_of(json.dumps(actor), ACTOR)


@pytest.mark.parametrize(
    ("text", "reason", "path"),
    [
        ("{}", Reason.MISSING_FIELD, "$.a.login"),
        ('{"login":null}', Reason.NULL_FIELD, "$.a.login"),
        ('{"login":"x","login":"x"}', Reason.DUPLICATE_FIELD, "$.a.login"),
        ('{"login":"x","team":{}}', Reason.MISSING_FIELD, "$.a.team.id"),
        ('{"login":"x","team":{"id":"1"}}', Reason.WRONG_TYPE, "$.a.team.id"),
        ('{"login":"x","team":[]}', Reason.WRONG_TYPE, "$.a.team"),
        ('"{}"', Reason.WRONG_TYPE, "$.a"),
        ("null", Reason.NULL_FIELD, "$.a"),
    ],
)
def test_faults_inside_objects_have_their_path(text, reason, path):
    """A fault is named by the path that leads to it."""
    found = decide_value(text, ACTOR)
    assert (reason, path) == (found.reason, found.field)


TAGS = Array(items=ScalarType.STRING)
GRID = Array(items=Array(items=ScalarType.LONG))
PEOPLE = Array(items=Struct(fields=(field("name", "string", required=False),)))


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("[]", TAGS, []),
        ('["x","y"]', TAGS, ["x", "y"]),
        ("[[1],[],[2,3]]", GRID, [[1], [], [2, 3]]),
        ('[{"name":"ada","x":1},{}]', PEOPLE, [{"name": "ada"}, {"name": None}]),
    ],
)
def test_arrays_are_converted_item_by_item(text, kind, expected):
    """Items of every type are converted."""
    assert expected == value_of(text, kind)


@pytest.mark.parametrize(
    ("text", "kind", "reason", "path"),
    [
        ('["x",null]', TAGS, Reason.NULL_FIELD, "$.a[1]"),
        ("[1]", TAGS, Reason.WRONG_TYPE, "$.a[0]"),
        ("[[1],[1.5]]", GRID, Reason.WRONG_TYPE, "$.a[1][0]"),
        ('[{"name":"x"},{"name":1}]', PEOPLE, Reason.WRONG_TYPE, "$.a[1].name"),
        ('{"0":"x"}', TAGS, Reason.WRONG_TYPE, "$.a"),
    ],
)
def test_faults_inside_arrays_have_their_path(text, kind, reason, path):
    """The first item that does not fit is named."""
    found = decide_value(text, kind)
    assert (reason, path) == (found.reason, found.field)


def ruled(**rule):
    return schema(field("kind", "string", required=False), field("a", "text", required=False),
                  rules=(Rule(field="a", **rule),))  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "text", "reason"),
    [
        ({"required": True}, event(), Reason.MISSING_FIELD),
        ({"required": True}, event(a=None), Reason.MISSING_FIELD),
        ({"required": True}, event(a=""), None),
        ({"required": True, "when": ("kind", ("x", "y"))}, event(kind="y"), Reason.MISSING_FIELD),
        ({"required": True, "when": ("kind", ("x", "y"))}, event(kind="y", a="z"), None),
        ({"required": True, "when": ("kind", ("x", "y"))}, event(kind="z"), None),
        ({"required": True, "when": ("kind", ("x", "y"))}, event(), None),
        ({"required": True, "unless": ("kind", ("x",))}, event(kind="x"), None),
        ({"required": True, "unless": ("kind", ("x",))}, event(kind="y"), Reason.MISSING_FIELD),
        ({"required": True, "unless": ("kind", ("x",))}, event(), Reason.MISSING_FIELD),
        ({"pattern": "[0-9]{1,3}"}, event(), None),
        ({"pattern": "[0-9]{1,3}"}, event(a=123), None),
        ({"pattern": "[0-9]{1,3}"}, event(a="123"), None),
        ({"pattern": "[0-9]{1,3}"}, event(a="1234"), Reason.PATTERN_MISMATCH),
        ({"pattern": "[0-9]{1,3}"}, event(a="123\n"), Reason.PATTERN_MISMATCH),
        ({"pattern": "[0-9]{1,3}"}, event(a=1.5), Reason.PATTERN_MISMATCH),
        ({"pattern": "[0-9]{1,3}", "when": ("kind", ("x",))}, event(a="z"), None),
        ({"pattern": "[0-9]{1,3}", "when": ("kind", ("x",))}, event(a="z", kind="x"), Reason.PATTERN_MISMATCH),
    ],
)
def test_rules_hold_where_their_condition_does(rule, text, reason):
    """A rule demands a value or a pattern of the events it is about, and nothing of others."""
    found = decide(text, ruled(**rule))
    assert (reason, reason and "$.a") == ((None, None) if isinstance(found, Fit) else (found.reason, found.field))


def test_a_rule_says_of_which_events_it_holds():
    """The detail of a broken rule names its condition."""
    found = decide(event(kind="x"), ruled(required=True, when=("kind", ("x", "y"))))
    assert found.detail == "nothing; required where kind is x or y"


def identified(kind, *, required):
    return schema(field("id", kind, required=required), event_id="id")


@pytest.mark.parametrize(
    ("definition", "text", "expected"),
    [
        (identified("string", required=True), event(id="7"), "7"),
        (identified("long", required=True), event(id=7), "7"),
        (identified("long", required=False), event(id=0), "0"),
        (identified("string", required=False), event(id=""), None),
        (identified("string", required=False), event(), None),
        (identified("string", required=False), event(id=None), None),
        (ONE, event(), None),
    ],
)
def test_an_event_id_is_text_or_absent(definition, text, expected):
    """The id is given as text, and an optional one that is empty is none."""
    assert expected == decide(text, definition).event_id


def test_a_required_event_id_is_not_empty():
    """An empty text identifies nothing."""
    found = decide(event(id=""), identified("string", required=True))
    assert (found.reason, found.field) == (Reason.MISSING_FIELD, "$.id")


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("ahead", "fits"), [(DAY, True), (DAY + timedelta(microseconds=1), False), (-9_000 * DAY, True)]
)
def test_an_event_may_be_a_day_ahead(ahead, fits):
    """Exactly one day ahead of the record fits, a microsecond more does not, and the past has no limit."""
    assert fits is isinstance(decide(event(at=(NOW + ahead).isoformat())), Fit)


def test_records_of_the_last_day_of_time_are_decided():
    """A record whose timestamp is the last that there is breaks nothing."""
    assert isinstance(decide(event(), seen_at=datetime.max.replace(tzinfo=UTC)), Fit)


def test_event_time_may_lie_inside_objects():
    """Time and id are found by their paths."""
    inner = Struct(fields=(field("when", "timestamp"), field("id", "string")))
    definition = EventSchema(fields=(field("meta", inner),), event_time="meta.when", event_id="meta.id")
    found = decide(json.dumps({"meta": {"when": AT, "id": "x"}}), definition)
    assert (found.event_time, found.event_id) == (datetime(2026, 3, 1, 11, tzinfo=UTC), "x")


@pytest.mark.parametrize(
    ("path", "expected"), [("a", {"b": 1}), ("a.b", 1), ("a.c", None), ("a.b.c", None), ("x.y", None)]
)
def test_lookup_follows_paths(path, expected):
    """A path leads to a value, or to None where any part of it is missing."""
    assert expected == lookup({"a": {"b": 1}}, path)


@pytest.mark.parametrize(
    ("path", "expected"), [("a", True), ("a.login", True), ("a.team", False), ("a.team.id", False)]
)
def test_a_path_is_required_if_all_of_it_is(path, expected):
    """A required field inside an optional object is not always there."""
    assert expected is is_required(schema(field("a", ACTOR)), path)


@pytest.mark.parametrize(
    ("kind", "text", "reason"), [("string", "17", Reason.WRONG_TYPE), ("string", '"Ada"', Reason.PATTERN_MISMATCH)]
)
def test_pseudonymous_values_are_not_shown(kind, text, reason):
    """What a pseudonymous field holds is not in the detail, whatever is wrong with it."""
    definition = schema(field("a", kind), rules=(Rule(field="a", pattern="[0-9]+"),), pseudonymous=("a",))
    found = decide(with_a(text), definition)
    assert (found.reason, found.field, text.strip('"') in found.detail) == (reason, "$.a", False)
