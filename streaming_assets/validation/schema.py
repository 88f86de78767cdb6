"""Checks on the event schema: its fields, the paths that name them, and its rules."""

from __future__ import annotations

from collections.abc import Iterator

from streaming_assets.contract import EventSchema, Rule, ScalarType
from streaming_assets.errors import Fault
from streaming_assets.sqlcheck import field_pattern_problem
from streaming_assets.sqlcheck.problems import one_of
from streaming_assets.validation.names import event_field_faults, follow, path_faults, repeated

_TEXTS = (ScalarType.STRING, ScalarType.TEXT)
_TIMES = (ScalarType.TIMESTAMP, ScalarType.EPOCH_SECONDS, ScalarType.EPOCH_MILLIS)


def check_schema(schema: EventSchema) -> Iterator[Fault]:
    """Check an event schema."""
    yield from event_field_faults(schema.fields, "schema.fields")
    yield from _event_time(schema)
    if schema.event_id is not None:
        allowed = (ScalarType.STRING, ScalarType.LONG)
        yield from path_faults("schema.event_id", schema.event_id, schema.fields, allowed)
    if schema.subject is not None:
        yield from path_faults("schema.subject", schema.subject, schema.fields)
    yield from _pseudonymous(schema)
    for index, rule in enumerate(schema.rules):
        yield from _rule(rule, schema, f"schema.rules[{index}]")


def _event_time(schema: EventSchema) -> Iterator[Fault]:
    yield from path_faults("schema.event_time", schema.event_time, schema.fields, _TIMES)
    for field in follow(schema.fields, schema.event_time) or []:
        if not field.required:
            expected = "a field that is required, with all the objects around it"
            yield Fault("schema.event_time", f"{schema.event_time!r}, where {field.name!r} is optional", expected)


def _pseudonymous(schema: EventSchema) -> Iterator[Fault]:
    for path in repeated(schema.pseudonymous):
        yield Fault("schema.pseudonymous", f"{path!r} twice", "each path once")
    for path in schema.pseudonymous:
        yield from path_faults("schema.pseudonymous", path, schema.fields, (ScalarType.STRING,))
        if path == schema.event_id:
            found = f"{path!r}, which identifies the event"
            yield Fault("schema.pseudonymous", found, "a field that is not `event_id`: events are told apart by it")


def _rule(rule: Rule, schema: EventSchema, where: str) -> Iterator[Fault]:
    allowed = tuple(ScalarType) if rule.pattern is None else _TEXTS
    unknown = path_faults(f"{where}.field", rule.field, schema.fields, allowed)
    yield from unknown
    if rule.when is not None and rule.unless is not None:
        yield Fault(where, "`when` and `unless`", "at most one of the two")
    for name, condition in (("when", rule.when), ("unless", rule.unless)):
        if condition is not None:
            yield from _condition(condition, schema, f"{where}.{name}")
    yield from _demand(rule, schema, where)


def _condition(condition: tuple[str, tuple[str, ...]], schema: EventSchema, where: str) -> Iterator[Fault]:
    name, values = condition
    top = {field.name: field.type for field in schema.fields}
    if name not in top:
        yield Fault(where, f"the unknown top-level field {name!r}", one_of(name, top))
    elif top[name] not in _TEXTS:
        yield Fault(where, f"{name!r}, which is no text", "a top-level field of the type STRING or TEXT")
    if not values:
        yield Fault(where, "no values", "the values that decide")


def _demand(rule: Rule, schema: EventSchema, where: str) -> Iterator[Fault]:
    if not rule.required and rule.pattern is None:
        yield Fault(where, "a rule that demands nothing", "`required=True`, a `pattern`, or both")
    chain = follow(schema.fields, rule.field) or []
    if rule.required and rule.pattern is None and chain and all(field.required for field in chain):
        yield Fault(where, f"`required` for {rule.field!r}, which always is", "an optional field, or no rule")
    problem = field_pattern_problem(rule.pattern) if rule.pattern is not None else None
    if problem:
        yield Fault(f"{where}.pattern", f"{rule.pattern!r}: {problem}", "a pattern that Python and RE2 read alike")
