"""The native check against the one implementation that decides: never wider, and of the same values."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming_assets.contract import Array, Field, Rule, ScalarType, Struct
from streaming_assets.engines.embedded.duck import connect
from streaming_assets.engines.embedded.silver import Refiner
from streaming_assets.engines.protocol import Limits
from streaming_assets.engines.slices import Slice
from streaming_assets.fitting import Fit, Fitter
from streaming_assets.lake.files import DataFile
from streaming_assets.lake.schemas import BRONZE
from streaming_assets.settings import load_settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT = "2026-03-01T11:00:00Z"
SCALARS = tuple(ScalarType)


def field(name, kind, *, required=True):
    return Field(name=name, type=kind, required=required)


SCALAR_FIELDS = tuple(
    field(f"{kind.value}_{'r' if required else 'o'}", kind, required=required)
    for kind in SCALARS
    for required in (True, False)
)
TEAM = Struct(
    fields=(
        field("id", ScalarType.LONG),
        field("name", ScalarType.TEXT, required=False),
        field("since", ScalarType.TIMESTAMP, required=False),
    )
)
ACTOR = Struct(
    fields=(
        field("login", ScalarType.STRING),
        field("team", TEAM, required=False),
        field("home", TEAM),
        field("age", ScalarType.DOUBLE, required=False),
    )
)
NOTES = Struct(fields=(field("a", ScalarType.STRING, required=False), field("day", ScalarType.DATE, required=False)))
FIELDS = (
    field("id", ScalarType.STRING, required=False),
    field("at", ScalarType.TIMESTAMP),
    field("kind", ScalarType.STRING, required=False),
    field("code", ScalarType.TEXT, required=False),
    *SCALAR_FIELDS,
    field("actor", ACTOR),
    field("buyer", ACTOR, required=False),
    field("notes", NOTES),
    field("$odd-@name", ScalarType.LONG, required=False),
    field("tags", Array(items=ScalarType.STRING), required=False),
)
RULES = (
    Rule(field="code", when=("kind", ("coded", "it's")), required=True, pattern="[0-9a-f]{2,4}|a.c"),
    Rule(field="string_o", unless=("kind", ("free",)), pattern="[^x]*"),
)


@pytest.fixture(scope="module")
def native(make_source, tmp_path_factory):
    """Runs the native check: `native(values, fields, …)` gives what is accepted, by the value's index."""
    home = tmp_path_factory.mktemp("native")
    connection = connect(load_settings(home=home, threads=2), b"key")

    def run(values, fields=FIELDS, **schema):
        definition = {"event_id": "id", "rules": RULES} if fields is FIELDS else {"event_id": None}
        source = make_source(fields, **{**definition, **schema})
        part = Slice(after=0, upto=1, files=(bronze_file(home / "bronze.parquet", values),))
        assert len(values) == Refiner(connection, source, home, Limits(10**6, 2**30), 2**14).parse(part)
        # What is not accepted may be times that Python has no value for.
        rows = connection.sql("SELECT * FROM parsed WHERE _sa_fits").to_arrow_table().to_pylist()
        return source.schema, {row["_sa_offset"]: row for row in rows}

    yield run
    connection.close()


def bronze_file(path: Path, values):
    rows = [
        {"value": value, "topic": "t", "partition": 0, "offset": offset, "timestamp": NOW, "timestamp_type": 0,
         "batch": 1, "ingested_at": NOW, "ingested_date": NOW.date()}
        for offset, value in enumerate(values)
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows, schema=BRONZE), path)
    return DataFile(path=str(path), records=len(rows), size=path.stat().st_size, low={"batch": 1}, high={"batch": 1})


def check(native, values, fields=FIELDS, **schema):
    """Assert that whatever is accepted natively fits with the same values; returns which were accepted."""
    definition, accepted = native(values, fields, **schema)
    fitter = Fitter(definition)
    for index, row in accepted.items():
        fit = fitter.fit(values[index], NOW)
        assert isinstance(fit, Fit), (values[index], fit)
        found = ({each.name: row[each.name] for each in fields}, row["_sa_event_id"], row["_sa_event_time"])
        # As text, so that 0.0 is not -0.0 and 1 is not True.
        assert repr((fit.event, fit.event_id, fit.event_time)) == repr(normal(found)), values[index]
    return [index in accepted for index in range(len(values))]


def normal(value):
    """Give times in the zone `datetime.UTC`, which Arrow names otherwise."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, dict):
        return {name: normal(each) for name, each in value.items()}
    return tuple(map(normal, value)) if isinstance(value, tuple) else value


ODD = [
    "null", "0", "-0", "-0.0", "1.0", "1.10", "1e2", "1E400", "-1e400", "5e-324", "1e-400", "0.1000000000000000055",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "18446744073709551615", "18446744073709551616", "9007199254740993", "1" + "0" * 30, "9" * 400,
    "-62135596800", "-62135596801", "253402300799", "253402300800", "-62135596800000", "-62135596800001",
    "253402300799999", "253402300800000", "9223372036854776", "9223372036855", "1659304800.025", "1659304800.0000005",
    "true", "false", "True", "NaN", "nan", "Infinity", "-Infinity", "-inf", "+1", ".5", "5.", "01", "0x1F",
    '""', '" "', '"x"', '"1"', '" 1"', '"1.5"', '"true"', '"null"', '"{}"', r'"\u0000"', r'"a\u0000b"', r'"\ud800"',
    r'"\ud83d\ude00"', r'"\udc00\ud800"', '"\u00e9\U0001f600"', r'"\/\b\f\n\r\t\"\\"', '"a\nc"', r'"a\nc"', r'"12\n"',
    r'"\x41"', '"\x7f"', '"\u2028"', '"NaN"', '"infinity"', '"-infinity"', '"epoch"', '"now"', '"today"',
    '"2026-03-01"', '"2026-02-30"', '"0000-01-01"', '"0001-01-01"', '"9999-12-31"', '"10000-01-01"', '"2026-3-1"',
    '"2026-03-01 (BC)"', '"-2026-03-01"', '"2026-03-01T11:00:00Z"', '"2026-03-01t11:00:00z"', '"2026-03-01 11:00:00Z"',
    '"2026-03-01T24:00:00Z"', '"2026-03-01T23:59:60Z"', '"2026-03-01T11:00:61Z"', '"2026-03-01T11:60:00Z"',
    '"2026-03-01T11:00:00+25:00"', '"2026-03-01T11:00:00+23:60"', '"2026-03-01T11:00:00+23:59"',
    '"2026-03-01T11:00:00-00:00"', '"2026-03-01T11:00:00-23:59"', '"2026-03-01T11:00:00+1:00"',
    '"2026-03-01T11:00:00.1234567Z"', '"2026-03-01T11:00:00.9999999999999Z"', '"2026-03-01T11:00:00.Z"',
    '"2026-03-01T11:00:00"', '"2026-03-01T11:00:00+01"', '"2026-02-30T00:00:00Z"', '"0000-01-01T00:00:00Z"',
    '"0001-01-01T00:00:00Z"', '"0001-01-01T00:00:00+01:00"', '"9999-12-31T23:59:59.999999Z"',
    '"9999-12-31T23:59:59-01:00"', '"2026-03-02T12:00:00Z"', '"2026-03-02T12:00:00.000001Z"',
    '"2026-03-01T11:00:00 Europe/Rome"', '"2026-03-01T11:00:00Z "', '"2026-03-01T11:00:00Z\\u0000"',
    "{}", "[]", "[null]", '["x"]', '{"a":1,"a":2}', '{"id":1}', "[1,]", '{"a":1,}', "[,]", "", "/**/1", "'x'",
]  # fmt: skip
"""JSON texts, and texts that are none, which parsers are known to read differently."""

LETTERS = ["a", "x", "Z", "0", " ", "é", "\u0663", "\u2028", "😀", '"', "\\", "\0", "\n", "\x7f", "[", "{", "]"]


def clean_value(random, kind):
    """JSON that fits a type, as common encoders write it."""
    if isinstance(kind, Struct):
        return clean_object(random, kind.fields)
    text = json.dumps("".join(random.choices(LETTERS, k=random.randrange(5))), ensure_ascii=random.random() < 0.5)
    integer = str(random.randrange(-(2 ** random.randrange(64)), 2 ** random.randrange(64)))
    day = (datetime(1, 1, 2, tzinfo=UTC) + timedelta(seconds=random.randrange(63_000_000_000))).replace(tzinfo=None)
    moment = day.isoformat() + random.choice(["", ".5", ".123456", ".1234567891"])
    choices = {
        ScalarType.STRING: [text],
        ScalarType.TEXT: [text, integer, "true", "false"],
        ScalarType.LONG: [integer],
        ScalarType.DOUBLE: [integer, repr(random.uniform(-1e6, 1e6)), repr(10.0 ** random.randrange(-320, 308))],
        ScalarType.BOOLEAN: ["true", "false"],
        ScalarType.TIMESTAMP: [f'"{moment}{zone}"' for zone in ("Z", "+00:00", "-03:30", "+14:00")],
        ScalarType.EPOCH_SECONDS: [str(random.randrange(-62135596800, 253402300800))],
        ScalarType.EPOCH_MILLIS: [str(random.randrange(-62135596800000, 253402300800000))],
        ScalarType.DATE: [f'"{day.date().isoformat()}"'],
    }
    return random.choice(choices[kind])


def clean_object(random, fields):
    chosen = [each for each in fields if each.required or (not isinstance(each.type, Array) and random.random() < 0.5)]
    return "{" + ",".join(f'"{each.name}":{clean_value(random, each.type)}' for each in chosen) + "}"


def odd_object(random, fields, oddness):
    """An object of which a few fields are missing, doubled, renamed, retyped or oddly written."""
    members = []
    for each in fields:
        name = f'"{each.name}"'
        if isinstance(each.type, Struct):
            text = odd_object(random, each.type.fields, oddness)
        else:
            text = "[]" if isinstance(each.type, Array) else clean_value(random, each.type)
        what = random.choice("mdrtt") if random.random() < oddness else ""
        if what == "m" or (not each.required and random.random() < 0.6):
            continue
        if what == "d":
            members.append(f"{name}:{random.choice([text, 'null', '1'])}")
        elif what == "r":
            name = random.choice([name.upper(), f'"\\u{ord(each.name[0]):04x}{each.name[1:]}"', '"x"', '" "'])
        elif what == "t":
            text = random.choice(ODD)
        members.append(f"{name}:{text}")
    if random.random() < oddness:
        members.append(random.choice(['"x":{"a":1,"a":2}', r'"y":"\ud800"', '"z":1e999', '"w":nan', '"v":[[1,],2]']))
    random.shuffle(members)
    space = random.choice(["", " ", "\n\t", "\r", "\x0b", "\x0c", "\u00a0"]) if random.random() < oddness else ""
    return "{" + space + f"{space},".join(members) + space + "}"


def odd_bytes(random):
    text = odd_object(random, FIELDS, random.choice([0.01, 0.05])).encode("utf-8", "surrogatepass")
    at = random.randrange(len(text))
    what = random.randrange(20)
    if what == 0:
        return text[:at]
    if what == 1:
        return text[:at] + random.choice([b",", b"\0", b"\xff", b"\\", b'"', b"//", b"\xef\xbb\xbf", b"}"]) + text[at:]
    return text


RANDOMS = st.randoms(use_true_random=True)


@settings(max_examples=20, deadline=None)
@given(RANDOMS)
def test_never_wider_than_the_fitter(native, random):
    """Whatever the native check accepts of odd records, the fitter accepts with the same values, id and time."""
    check(native, [odd_bytes(random) for _ in range(100)])


@settings(max_examples=10, deadline=None)
@given(RANDOMS)
def test_clean_records_are_accepted(native, random):
    """Records in plain JSON are accepted natively, so that the fast path is the one that is taken."""
    values = [clean_object(random, FIELDS).encode() for _ in range(50)]
    assert [True] * len(values) == check(native, values, event_id="id", rules=())


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("kind", SCALARS)
@pytest.mark.parametrize("inside", [False, True])
def test_odd_values_of_every_type(native, kind, required, inside):
    """For each type, required and optional, at the top and in an object, no odd value is accepted that does not fit."""
    each = field("v", kind, required=required)
    place = field("o", Struct(fields=(each,)), required=required) if inside else each
    fields = (field("at", ScalarType.TIMESTAMP), place)
    texts = [f'{{"v":{text}}}' if inside else text for text in ODD]
    values = [f'{{"at":"{AT}","{place.name}":{text}}}'.encode("utf-8", "surrogatepass") for text in texts]
    accepted = check(native, values, fields)
    assert any(accepted)


def accepted(native, text, fields, **schema):
    """Whether one event, which has a time, is accepted natively."""
    return check(native, [f'{{"at":"{AT}"{text}}}'.encode()], (field("at", ScalarType.TIMESTAMP), *fields), **schema)[0]


TEXT_V = field("v", ScalarType.STRING, required=False)


@pytest.mark.parametrize(
    "pattern", ["a.c", "a$", "^a$", "[^a]+", "a|ab", "(?i)k", "[0-9]{2}", "(a|b)*?", "a\\.c", "(?s)a.c", "(?m)^a$"]
)
def test_patterns_mean_the_same(native, pattern):
    """Patterns that a definition may have accept natively what the fitter accepts, line ends included."""
    texts = [
        "a\nc",
        "abc",
        "a",
        "a\n",
        "\na",
        "a\na",
        "ab",
        "aab",
        "\n",
        "",
        "k",
        "K",
        "\u212a",
        "12",
        "12\n",
        "a.c",
        "\0",
    ]
    values = [json.dumps({"at": AT, "v": text}).encode() for text in texts]
    fields = (field("at", ScalarType.TIMESTAMP), TEXT_V)
    assert any(check(native, values, fields, rules=(Rule(field="v", pattern=pattern),)))


@pytest.mark.parametrize("text", [',"V":"x"', ',"v":"x","V":"y"'])
def test_capitals_are_told_apart(native, text):
    """A name that differs from a declared one in capitals only is another field to the native check, too."""
    assert accepted(native, text, (TEXT_V,))


@pytest.mark.parametrize(
    "name", ["json", "kinds", "required", "optional", "strict", "seen_at", "value", "batch", "topic", "Topic", "offset",
             "event_id", "event_time", "partition", "raw", "read", "key", "select", "$", "@type", "a-b", "ключ",
             "Kinds"]
)  # fmt: skip
@pytest.mark.parametrize("required", [True, False])
def test_fields_may_be_named_like_anything_inside(native, name, required):
    """A field named like a column or a word of the SQL is read like any other."""
    each = field(name, ScalarType.STRING, required=required)
    assert accepted(native, f',"{name}":"x","other":1', (each, field("b", ScalarType.LONG, required=False)))


@pytest.mark.parametrize(("depth", "fits"), [(3, True), (256, True), (257, False)])
def test_depth_is_counted_on_the_safe_side(native, depth, fits):
    """A document of 256 levels is accepted natively, one of more is left to the fitter."""
    inner = depth - 2
    assert accepted(native, ',"x":[' + "0," * 300 + "[" * inner + "]" * inner + "]", (TEXT_V,)) is fits


def test_one_bad_record_does_not_refuse_its_neighbours(native):
    """A record that is no JSON, no UTF-8 or null leaves the ones beside it on the fast path."""
    good = json.dumps({"at": AT, "v": "x"}).encode()
    values = [good, b"{", good, b"\xff", good, None, good, b"", good]
    fields = (field("at", ScalarType.TIMESTAMP), field("v", ScalarType.STRING))
    assert [value == good for value in values] == check(native, values, fields)


@pytest.mark.parametrize(("text", "fits"), [("2026-03-02T12:00:00Z", True), ("2026-03-02T12:00:00.000001Z", False)])
def test_an_event_may_be_a_day_ahead_natively(native, text, fits):
    """Exactly one day ahead of the record is accepted, a microsecond more is not."""
    assert check(native, [json.dumps({"at": text}).encode()], (field("at", ScalarType.TIMESTAMP),)) == [fits]


@pytest.mark.parametrize(
    ("kind", "text"), [(ScalarType.STRING, '""'), (ScalarType.STRING, '"x"'), (ScalarType.LONG, "0")]
)
@pytest.mark.parametrize("required", [True, False])
def test_event_ids_are_the_same(native, kind, text, required):
    """An event id is the same text natively, and an empty one is none."""
    each = field("id", kind, required=required)
    assert accepted(native, f',"id":{text}', (each,), event_id="id") is (text != '""' or not required)
