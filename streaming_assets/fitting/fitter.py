"""Decides about the records of one schema."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from streaming_assets.contract import EventSchema, Rule, Struct
from streaming_assets.fitting.converting import convert
from streaming_assets.fitting.paths import is_required, lookup
from streaming_assets.fitting.reading import parse
from streaming_assets.fitting.verdicts import Fit, Misfit, MisfitError, Reason, refuse
from streaming_assets.fitting.wording import show

CLOCK_TOLERANCE = timedelta(days=1)
"""How far an event time may lie ahead of the record's own timestamp."""


class Fitter:
    """Decides about the records of one schema."""

    def __init__(self, schema: EventSchema) -> None:
        """Prepare the schema's fields and rules."""
        self._schema = schema
        self._patterns = [re.compile(rule.pattern) if rule.pattern else None for rule in schema.rules]

    def fit(self, value: bytes | None, seen_at: datetime) -> Fit | Misfit:
        """Decide about one record.

        Args:
            value: The record's value as it came.
            seen_at: The record's timestamp, or when it was read if it has none or one that lies later.
        """
        try:
            event = _object(convert(parse(value), Struct(fields=self._schema.fields), "$"))
            self._check_rules(event)
            event_id = self._event_id(event)
            event_time = self._event_time(event, seen_at)
        except MisfitError as error:
            misfit = error.misfit
            return replace(misfit, detail=shown_detail(self._schema, misfit.field, misfit.detail))
        return Fit(event=event, event_id=event_id, event_time=event_time)

    def _check_rules(self, event: dict[str, Any]) -> None:
        for rule, pattern in zip(self._schema.rules, self._patterns, strict=True):
            if not _applies(rule, event):
                continue
            value = lookup(event, rule.field)
            if value is None and rule.required:
                refuse(Reason.MISSING_FIELD, f"$.{rule.field}", f"nothing; required {_condition(rule)}".rstrip())
            if value is not None and pattern is not None and not pattern.fullmatch(str(value)):
                expected = f"expected text that matches {rule.pattern} {_condition(rule)}".rstrip()
                refuse(Reason.PATTERN_MISMATCH, f"$.{rule.field}", f"found {show(value)}, {expected}")

    def _event_id(self, event: dict[str, Any]) -> str | None:
        path = self._schema.event_id
        value = lookup(event, path) if path else None
        if value == "" and path and is_required(self._schema, path):
            refuse(Reason.MISSING_FIELD, f"$.{path}", "found an empty text, expected one that identifies the event")
        return str(value) if value not in (None, "") else None

    def _event_time(self, event: dict[str, Any], seen_at: datetime) -> datetime:
        path = self._schema.event_time
        event_time: datetime = lookup(event, path)
        if event_time - seen_at > CLOCK_TOLERANCE:
            detail = f"found {event_time.isoformat()}, expected at most a day after {seen_at.isoformat()}"
            refuse(Reason.EVENT_TIME_IN_FUTURE, f"$.{path}", detail)
        return event_time


def shown_detail(schema: EventSchema, field: str | None, detail: str) -> str:
    """Keep what a pseudonymous field holds out of a detail, which people read and pass on.

    Args:
        schema: The schema.
        field: JSON path of the field, None for the record as a whole.
        detail: What was found and what was expected.
    """
    path = re.sub(r"\[[0-9]+\]", "", (field or "").removeprefix("$."))
    return "what was found is not shown, as the field is pseudonymous" if path in schema.pseudonymous else detail


def _object(value: Any) -> dict[str, Any]:
    result: dict[str, Any] = value
    return result


def _applies(rule: Rule, event: dict[str, Any]) -> bool:
    if rule.when is not None:
        return lookup(event, rule.when[0]) in rule.when[1]
    if rule.unless is not None:
        return lookup(event, rule.unless[0]) not in rule.unless[1]
    return True


def _condition(rule: Rule) -> str:
    word, condition = ("where", rule.when) if rule.when else ("unless", rule.unless)
    return f"{word} {condition[0]} is {' or '.join(condition[1])}" if condition else ""
