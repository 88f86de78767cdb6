"""Definitions: a good one has no faults, and every fault is found, named by its place, all at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from streaming_assets import errors
from streaming_assets.contract import (
    Array,
    Chart,
    EventSchema,
    EventSource,
    Field,
    GoldTable,
    Rule,
    ScalarType,
    SilverTable,
    Struct,
    Topic,
)
from streaming_assets.settings import Settings, source_options
from streaming_assets.validation import RESERVED_NAMES, validate

TEXT, LONG, TIME = ScalarType.STRING, ScalarType.LONG, ScalarType.TIMESTAMP

SCHEMA = EventSchema(
    fields=(
        Field(name="id", type=TEXT, required=False),
        Field(name="at", type=TIME),
        Field(name="kind", type=TEXT),
        Field(name="n", type=LONG, required=False),
        Field(name="user", type=Struct(fields=(Field(name="name", type=TEXT), Field(name="born", type=TIME)))),
        Field(name="extra", type=Struct(fields=(Field(name="at", type=TIME),)), required=False),
        Field(name="note", type=ScalarType.TEXT, required=False),
        Field(name="tags", type=Array(items=TEXT), required=False),
    ),
    event_time="at",
    event_id="id",
    rules=(Rule(field="note", when=("kind", ("count",)), required=True, pattern="[0-9]{1,18}"),),
    subject="user.name",
    pseudonymous=("user.name",),
)

SILVER = SilverTable(
    sql="SELECT kind, user.name AS user_name, n FROM events",
    columns=(
        Field(name="kind", type=TEXT),
        Field(name="user_name", type=TEXT),
        Field(name="n", type=LONG, required=False),
    ),
)

CHART = Chart(kind="bar", title="Events", x="kind", y="events", aggregate="sum", sort="events", limit=5)

WINDOWED = GoldTable(
    name="per_minute",
    description="Events of each minute.",
    sql="SELECT window_start, window_end, kind, count(*) AS events FROM silver GROUP BY ALL",
    columns=(
        Field(name="window_start", type=TIME),
        Field(name="window_end", type=TIME),
        Field(name="kind", type=TEXT),
        Field(name="events", type=LONG),
    ),
    keys=("window_start", "kind"),
    window="1 minute",
    charts=(CHART,),
)

KEYED = GoldTable(
    name="per_user",
    description="Events of each user.",
    sql="SELECT user_name, count(*) AS events FROM silver GROUP BY user_name",
    columns=(Field(name="user_name", type=TEXT), Field(name="events", type=LONG)),
    keys=("user_name",),
    per="user_name",
)

SOURCE = EventSource(
    name="clicks",
    title="Clicks",
    description="What people click.",
    topic=Topic(name="clicks", key="user.name", retention=timedelta(days=7)),
    schema=SCHEMA,
    producer=lambda _: None,  # type: ignore[arg-type, return-value]
    silver=SILVER,
    gold=(WINDOWED, KEYED),
    owners=("ann@example.org", "team:data"),
)


def source(**parts: Any) -> EventSource:
    """Change parts of the good definition."""
    return replace(SOURCE, **parts)


def schema(**parts: Any) -> EventSource:
    """Change parts of its event schema."""
    return source(schema=replace(SCHEMA, **parts))


def topic(**parts: Any) -> EventSource:
    """Change parts of its topic."""
    return source(topic=replace(SOURCE.topic, **parts))


def silver(**parts: Any) -> EventSource:
    """Change parts of its Silver table."""
    return source(silver=replace(SILVER, **parts))


def windowed(**parts: Any) -> EventSource:
    """Change parts of its windowed table."""
    return source(gold=(replace(WINDOWED, **parts),))


def keyed(**parts: Any) -> EventSource:
    """Change parts of its keyed table."""
    return source(gold=(replace(KEYED, **parts),))


def chart(**parts: Any) -> EventSource:
    """Change parts of its chart."""
    return windowed(charts=(replace(CHART, **parts),))


def rule(**parts: Any) -> EventSource:
    """Give it one rule."""
    return schema(rules=(Rule(**parts),))


def test_good_definition_has_no_faults() -> None:
    """A definition that uses every part of the contract is let through."""
    assert validate(SOURCE) == []


async def async_producer(_options: Any) -> Any:
    """Make no producer yet."""


def yielding_producer(_options: Any) -> Iterator[None]:
    """Make no producer yet, either."""
    yield


class Options:
    """A producer that is made of its options."""

    def __init__(self, options: Any, rate: int = 1) -> None:
        del options, rate


GOOD = {
    "class as a producer": source(producer=Options),
    "producer that does not say what it takes": source(producer=dict),
    "topic of Kafka's longest name": topic(name="a" * 249),
    "no topic key": topic(key=None),
    "nested event time": schema(event_time="user.born"),
    "event time as a number": schema(
        fields=(*SCHEMA.fields, Field(name="ms", type=ScalarType.EPOCH_MILLIS)), event_time="ms"
    ),
    "long as event id": schema(event_id="n"),
    "rule without condition": rule(field="note", pattern="[0-9]{1,18}"),
    "rule with unless": rule(field="n", unless=("kind", ("a", "b")), required=True),
    "no gold": source(gold=()),
    "six hours": windowed(window="6 hours"),
    "whole days": windowed(window="7 days"),
    "function": silver(sql=None, function=lambda events: events),
    "table without y": chart(kind="table", x=None, y=None, aggregate=None),
    "metric without x": chart(kind="metric", x=None),
    "latest of a windowed table": chart(latest=True),
}


@pytest.mark.parametrize("definition", GOOD.values(), ids=GOOD)
def test_good_variation_has_no_faults(definition: EventSource) -> None:
    """What the contract allows is let through."""
    assert validate(definition) == []


BAD: dict[str, tuple[EventSource, str, str]] = {
    "name with capitals": (source(name="Clicks"), "name", "small letter"),
    "name with a dash": (source(name="my-clicks"), "name", "small letter"),
    "name too long": (source(name="c" * 64), "name", "62"),
    "name of a setting": (source(name="kafka"), "name", "setting"),
    "no title": (source(title=" "), "title", "words"),
    "no description": (source(description=""), "description", "words"),
    "owner without a domain": (source(owners=("ann@home",)), "owners[0]", "e-mail"),
    "team without a name": (source(owners=("a@b.org", "team:")), "owners[1]", "team:<name>"),
    "producer that is no function": (source(producer="run"), "producer", "a function"),
    "producer without a parameter": (source(producer=lambda: None), "producer", "one argument: the source's options"),
    "producer with two parameters": (source(producer=lambda _options, _broker: None), "producer", "one argument"),
    "producer that wants its options by name": (source(producer=lambda *, _options: None), "producer", "one argument"),
    "producer that is async": (source(producer=async_producer), "producer", "returns what it makes"),
    "producer that yields": (source(producer=yielding_producer), "producer", "returns what it makes"),
    "topic with a space": (topic(name="my clicks"), "topic.name", "249"),
    "topic of dots": (topic(name=".."), "topic.name", "249"),
    "topic too long": (topic(name="a" * 250), "topic.name", "249"),
    "no partitions": (topic(partitions=0), "topic.partitions", "at least 1"),
    "no retention": (topic(retention=timedelta(0)), "topic.retention", "at least"),
    "retention twice": (topic(config={"retention.ms": "1"}), "topic.config", "one of the two"),
    "unknown topic key": (topic(key="user.nam"), "topic.key", "'user.name'"),
    "object as topic key": (topic(key="user"), "topic.key", "a field of a single value"),
    "no fields": (schema(fields=()), "schema.fields", "at least one"),
    "field twice": (
        schema(fields=(*SCHEMA.fields, Field(name="KIND", type=TEXT))),
        "schema.fields",
        "more than capitals",
    ),
    "nested field twice": (
        schema(fields=(*SCHEMA.fields, Field(name="o", type=Struct(fields=(Field(name="a", type=TEXT),) * 2)))),
        "schema.fields.o",
        "more than capitals",
    ),
    "field with a dot": (schema(fields=(*SCHEMA.fields, Field(name="a.b", type=TEXT))), "schema.fields.a.b", "letters"),
    "field with an engine's prefix": (
        schema(fields=(*SCHEMA.fields, Field(name="_SA_x", type=TEXT))),
        "schema.fields._SA_x",
        "not beginning with _sa_",
    ),
    "empty object": (
        schema(fields=(*SCHEMA.fields, Field(name="o", type=Array(items=Struct(fields=()))))),
        "schema.fields.o",
        "at least one field",
    ),
    "unknown event time": (schema(event_time="att"), "schema.event_time", "'at'"),
    "event time that is text": (schema(event_time="kind"), "schema.event_time", "TIMESTAMP"),
    "event time in an optional object": (schema(event_time="extra.at"), "schema.event_time", "required"),
    "event id that is a time": (schema(event_id="at"), "schema.event_id", "STRING or LONG"),
    "unknown subject": (schema(subject="user.nme"), "schema.subject", "'user.name'"),
    "pseudonym of a number": (schema(pseudonymous=("n",)), "schema.pseudonymous", "STRING"),
    "pseudonym of the event id": (schema(pseudonymous=("id",)), "schema.pseudonymous", "told apart"),
    "pseudonym twice": (schema(pseudonymous=("kind", "kind")), "schema.pseudonymous", "once"),
    "rule about an unknown field": (rule(field="nots", required=True), "schema.rules[0].field", "'note'"),
    "rule with when and unless": (
        rule(field="note", required=True, when=("kind", ("a",)), unless=("kind", ("b",))),
        "schema.rules[0]",
        "at most one",
    ),
    "rule without a demand": (rule(field="note"), "schema.rules[0]", "required=True"),
    "rule that says nothing new": (rule(field="kind", required=True), "schema.rules[0]", "optional field"),
    "rule with a pattern for numbers": (rule(field="n", pattern="1"), "schema.rules[0].field", "STRING or TEXT"),
    "rule with a broken pattern": (rule(field="note", pattern="("), "schema.rules[0].pattern", "RE2"),
    "rule with look-ahead": (rule(field="note", pattern="(?=a)a"), "schema.rules[0].pattern", "RE2"),
    "rule by an unknown field": (
        rule(field="note", required=True, when=("knd", ("a",))),
        "schema.rules[0].when",
        "'kind'",
    ),
    "rule by a nested field": (
        rule(field="note", required=True, unless=("user.name", ("a",))),
        "schema.rules[0].unless",
        "one of",
    ),
    "rule by a number": (rule(field="note", required=True, when=("n", ("1",))), "schema.rules[0].when", "STRING"),
    "rule by no values": (rule(field="note", required=True, when=("kind", ())), "schema.rules[0].when", "values"),
    "neither sql nor function": (silver(sql=None), "silver", "exactly one"),
    "sql and function": (silver(function=lambda events: events), "silver", "exactly one"),
    "function of nothing": (silver(sql=None, function=lambda: None), "silver.function", "one argument: a table"),
    "no silver columns": (silver(sql=None, function=lambda e: e, columns=()), "silver.columns", "at least one column"),
    "reserved silver column": (
        silver(columns=(*SILVER.columns, Field(name="Topic", type=TEXT))),
        "silver.columns.Topic",
        "another name",
    ),
    "window column in silver": (
        silver(columns=(*SILVER.columns, Field(name="window_start", type=TIME))),
        "silver.columns.window_start",
        "another name",
    ),
    "silver column that counts from 1970": (
        silver(columns=(*SILVER.columns[:2], Field(name="n", type=Array(items=ScalarType.EPOCH_SECONDS)))),
        "silver.columns.n",
        "ScalarType.TIMESTAMP",
    ),
    "silver column of the type TEXT": (
        silver(columns=(*SILVER.columns[:2], Field(name="n", type=ScalarType.TEXT))),
        "silver.columns.n",
        "ScalarType.STRING",
    ),
    "silver sql": (silver(sql="SELECT knd AS kind, user.name AS user_name, n FROM events"), "silver.sql", "'kind'"),
    "silver column that the sql does not give": (
        silver(columns=(*SILVER.columns, Field(name="kin", type=TEXT))),
        "silver.columns.kin",
        "among those of the SQL",
    ),
    "gold column that the sql does not give": (
        keyed(sql="SELECT user_name FROM silver GROUP BY user_name"),
        "gold.per_user.columns.events",
        "among those of the SQL",
    ),
    "gold name": (keyed(name="Per User"), "gold.Per User.name", "small letter"),
    "gold name twice": (source(gold=(KEYED, KEYED)), "gold", "of their own"),
    "gold without description": (keyed(description=""), "gold.per_user.description", "a row"),
    "no gold columns": (keyed(columns=()), "gold.per_user.columns", "at least one column"),
    "no keys": (keyed(keys=()), "gold.per_user.keys", "identify"),
    "unknown key": (keyed(keys=("user_name", "event")), "gold.per_user.keys", "'events'"),
    "key twice": (keyed(keys=("user_name", "user_name")), "gold.per_user.keys", "once"),
    "window and per": (windowed(per="kind"), "gold.per_minute", "at most one"),
    "window that is no length": (windowed(window="hourly"), "gold.per_minute.window", "a unit"),
    "window of nothing": (windowed(window="0 minutes"), "gold.per_minute.window", "a unit"),
    "window beyond all times": (windowed(window=f"{10**12} days"), "gold.per_minute.window", "a unit"),
    "window that does not divide a day": (windowed(window="7 minutes"), "gold.per_minute.window", "divides a day"),
    "window without its start": (
        windowed(columns=WINDOWED.columns[1:], keys=("kind",)),
        "gold.per_minute.columns",
        "'window_start'",
    ),
    "window end of another type": (
        windowed(columns=(WINDOWED.columns[0], Field(name="window_end", type=TEXT), *WINDOWED.columns[2:])),
        "gold.per_minute.columns",
        "'window_end'",
    ),
    "window not among the keys": (windowed(keys=("kind",)), "gold.per_minute.keys", "'window_start'"),
    "unknown per": (keyed(per="user_nam"), "gold.per_user.per", "'user_name'"),
    "per not among the columns": (keyed(per="kind"), "gold.per_user.columns", "'kind'"),
    "per not among the keys": (keyed(keys=("events",)), "gold.per_user.keys", "'user_name'"),
    "gold sql": (keyed(sql="SELECT user_name, count(*) AS evnts FROM silver"), "gold.per_user.sql", "'events'"),
    "chart of an unknown kind": (chart(kind="pie"), "gold.per_minute.charts[0].kind", "'bar'"),
    "chart without title": (chart(title=""), "gold.per_minute.charts[0].title", "heading"),
    "chart of an unknown column": (chart(x="knd"), "gold.per_minute.charts[0].x", "'kind'"),
    "chart that draws an unknown column": (chart(y="evnts"), "gold.per_minute.charts[0].y", "'events'"),
    "pseudonym of an unknown field": (schema(pseudonymous=("user.nme",)), "schema.pseudonymous", "'user.name'"),
    "chart sorted by an unknown column": (chart(sort="evnts"), "gold.per_minute.charts[0].sort", "'events'"),
    "chart with unknown colours": (chart(series="colour"), "gold.per_minute.charts[0].series", "one of"),
    "bar without y": (chart(y=None), "gold.per_minute.charts[0].y", "draws"),
    "line without x": (chart(kind="line", x=None), "gold.per_minute.charts[0].x", "axis"),
    "metric without y": (chart(kind="metric", y=None), "gold.per_minute.charts[0].y", "draws"),
    "sum of text": (chart(y="kind"), "gold.per_minute.charts[0].aggregate", "numbers"),
    "chart of nothing": (chart(limit=0), "gold.per_minute.charts[0].limit", "at least 1"),
    "latest without a window": (
        keyed(charts=(Chart(kind="metric", title="T", y="events", latest=True),)),
        "gold.per_user.charts[0].latest",
        "a window",
    ),
}


@pytest.mark.parametrize(("definition", "where", "expected"), BAD.values(), ids=BAD)
def test_fault_is_found_with_place_and_remedy(definition: EventSource, where: str, expected: str) -> None:
    """Each kind of fault is reported at its place, with what should stand there."""
    faults = validate(definition)

    assert any(fault.where == where and expected in fault.expected for fault in faults), faults


def test_all_faults_are_found_at_once() -> None:
    """Faults in different parts are reported together."""
    faults = validate(source(name="C", owners=("x",), topic=Topic(name="?"), gold=(replace(KEYED, keys=("x",)),)))

    assert {"name", "owners[0]", "topic.name", "gold.per_user.keys"} <= {fault.where for fault in faults}


class Hostile:
    """A value that refuses to be shown."""

    def __repr__(self) -> str:
        raise RuntimeError


WRONG_TYPES: dict[str, tuple[EventSource, str]] = {
    "number as name": (source(name=7), "name"),
    "no topic": (source(topic=None), "topic"),
    "text as topic": (source(topic="clicks"), "topic"),
    "text as gold": (source(gold="none"), "gold"),
    "one table as gold": (source(gold=KEYED), "gold"),
    "text among gold": (source(gold=(KEYED, "x")), "gold[1]"),
    "list of owners": (source(owners=["a@b.org"]), "owners"),
    "text as owners": (source(owners="a@b.org"), "owners"),
    "text as keys": (keyed(keys="user_name"), "gold.per_user.keys"),
    "list of columns": (keyed(columns=list(KEYED.columns)), "gold.per_user.columns"),
    "type as text": (keyed(columns=(Field(name="user_name", type="string"),)), "gold.per_user.columns.user_name.type"),
    "no sql": (keyed(sql=None), "gold.per_user.sql"),
    "truth as partitions": (topic(partitions=True), "topic.partitions"),
    "text as partitions": (topic(partitions="4"), "topic.partitions"),
    "number as retention": (topic(retention=5), "topic.retention"),
    "list as config": (topic(config=[("a", "b")]), "topic.config"),
    "number in config": (topic(config={"a": 1}), "topic.config['a']"),
    "text as fields": (schema(fields="id"), "schema.fields"),
    "text as when": (rule(field="note", required=True, when="kind"), "schema.rules[0].when"),
    "text as the values of when": (
        rule(field="note", required=True, when=("kind", "count")),
        "schema.rules[0].when[1]",
    ),
    "text as pseudonymous": (schema(pseudonymous="kind"), "schema.pseudonymous"),
    "text as function": (silver(sql=None, function="f"), "silver.function"),
    "text as limit": (chart(limit="5"), "gold.per_minute.charts[0].limit"),
    "number of a nested field": (
        schema(fields=(Field(name="o", type=Struct(fields=(Field(name=1, type=TEXT),))),)),  # type: ignore[arg-type]
        "schema.fields.o.type.fields[0].name",
    ),
    "value that can't be shown": (source(title=Hostile()), "title"),
    "half-made object": (source(silver=object.__new__(SilverTable)), "silver.columns"),
    "class instead of a value": (source(schema=EventSchema), "schema"),
}


@pytest.mark.parametrize(("definition", "where"), WRONG_TYPES.values(), ids=WRONG_TYPES)
def test_wrong_type_is_a_fault_at_its_place(definition: EventSource, where: str) -> None:
    """A value of a wrong type, anywhere, is a fault that names its place, and nothing is raised."""
    faults = validate(definition)

    assert where in {fault.where for fault in faults}, faults
    assert all(fault.found and fault.expected for fault in faults)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        *(("string", "STRING"), (str, "STRING"), ("varchar", "STRING"), ("Long", "LONG"), (int, "LONG")),
        *(("bigint", "LONG"), (float, "DOUBLE"), (bool, "BOOLEAN"), (datetime, "TIMESTAMP"), (date, "DATE")),
    ],
)
def test_a_type_by_another_name_is_told_with_ours(kind: Any, expected: str) -> None:
    """A type of Python's or of SQL's, or the text of one of ours, is answered with the one that stands for it."""
    for type_ in (kind, Array(items=kind)):
        (fault,) = validate(schema(fields=(*SCHEMA.fields, Field(name="more", type=type_))))
        assert fault.expected == f"ScalarType.{expected}"


@pytest.mark.parametrize("kind", [None, 7, "money", object, ScalarType, Hostile])
def test_a_type_of_no_name_of_ours_is_told_with_all_kinds(kind: Any) -> None:
    """What stands for none of our types is answered with the kinds of types that there are."""
    (fault,) = validate(schema(fields=(*SCHEMA.fields, Field(name="more", type=kind))))

    assert fault.expected == "a ScalarType or a Struct or an Array"


@pytest.mark.parametrize(
    "value", [None, 7, "clicks", [], {}, object(), EventSource, Hostile()], ids=lambda value: type(value).__name__
)
def test_anything_but_a_source_is_one_fault(value: Any) -> None:
    """What is no EventSource at all is one fault."""
    assert [fault.expected for fault in validate(value)] == ["an EventSource"]


GARBAGE = (None, 7, -1.5, "", "x", b"x", (), ("x",), ("x", ("y",)), [], {}, {1: 2}, object(), Hostile(), EventSource)


def spoiled(value: Any) -> Iterator[Any]:
    """Give a value with every part of it, down to the innermost, replaced by every piece of garbage."""
    yield from GARBAGE
    if is_dataclass(value):
        for part in fields(value):
            for other in spoiled(getattr(value, part.name)):
                yield replace(value, **{part.name: other})  # type: ignore[type-var]
    elif isinstance(value, tuple) and value:
        for other in spoiled(value[0]):
            yield (other, *value[1:])


def test_no_garbage_anywhere_makes_it_raise() -> None:
    """Whatever stands at any place of a definition, checking gives a list of faults."""
    assert all(isinstance(validate(definition), list) for definition in spoiled(SOURCE))


def test_other_parts_are_checked_beside_a_wrong_type() -> None:
    """A wrong type in one part does not hide the faults of the others."""
    faults = validate(source(gold="none", name="Clicks"))

    assert {fault.where for fault in faults} == {"gold", "name"}


def test_endless_nesting_is_a_fault() -> None:
    """A type nested beyond all measure is a fault, not an overflow of the stack."""
    kind: Any = TEXT
    for _ in range(5_000):
        kind = Array(items=kind)

    assert validate(schema(fields=(*SCHEMA.fields, Field(name="deep", type=kind)))) != []


def test_reserved_names_are_what_settings_begin_with() -> None:
    """Reserved are the first word of every setting, and the first words of each that has more."""
    words = [name.split("_") for name in Settings.model_fields]
    begins = {"_".join(each[:count]) for each in words for count in range(1, max(2, len(each)))}
    assert begins == RESERVED_NAMES


def test_no_source_is_handed_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every setting set, a source of any name that is not refused has none of them among its options."""
    for name in Settings.model_fields:
        monkeypatch.setenv(f"STREAMING_ASSETS_{name.upper()}", "secret")
    words = [name.split("_") for name in Settings.model_fields]
    names = {"_".join(each[:count]) for each in words for count in range(1, len(each) + 1)}

    handed = {name for name in names if source_options(name)}

    assert {"kafka", "kafka_sasl", "pseudonym"} <= handed
    assert [name for name in handed if "name" not in {fault.where for fault in validate(source(name=name))}] == []


def test_faults_read_as_one_text() -> None:
    """The error made of a definition's faults holds each of them, with place, finding and expectation."""
    faults = validate(source(name="Clicks", title=""))

    text = str(errors.InvalidDefinition("clicks", faults))
    assert all(str(fault) in text for fault in faults)
    assert "2 faults" in text
