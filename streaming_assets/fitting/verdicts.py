"""What is decided about a record: it fits, or it does not for one of these reasons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NoReturn


class Reason(StrEnum):
    """Why a record does not fit; the fixed vocabulary of the quarantine table."""

    NO_VALUE = "no_value"
    """The record has no value, or an empty one."""
    NOT_UTF8 = "not_utf8"
    """The value is not UTF-8."""
    NOT_JSON = "not_json"
    """The value is not a JSON text (RFC 8259)."""
    TOO_DEEP = "too_deep"
    """Objects and arrays are nested deeper than `MAX_DEPTH`."""
    NOT_AN_OBJECT = "not_an_object"
    """The value is JSON, but not an object."""
    DUPLICATE_FIELD = "duplicate_field"
    """An object names a field twice, so its value is ambiguous."""
    MISSING_FIELD = "missing_field"
    """A required field is not there, or an identifier is empty."""
    NULL_FIELD = "null_field"
    """A required field is null."""
    WRONG_TYPE = "wrong_type"
    """A field's value has another type."""
    OUT_OF_RANGE = "out_of_range"
    """A number or a time lies outside what its type can hold."""
    NOT_TEXT = "not_text"
    """A string holds a surrogate without its partner, which no encoding can carry."""
    BAD_TIMESTAMP = "bad_timestamp"
    """A timestamp is not RFC 3339 with an offset, or not a date that exists."""
    BAD_DATE = "bad_date"
    """A date is not `YYYY-MM-DD`, or does not exist."""
    PATTERN_MISMATCH = "pattern_mismatch"
    """A text does not match the pattern of a rule."""
    EVENT_TIME_IN_FUTURE = "event_time_in_future"
    """The event time lies more than `CLOCK_TOLERANCE` ahead of the record's timestamp."""
    SILVER_FAILED = "silver_failed"
    """The plugin's Silver transform raised on the record, or left a required column null."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A record that fits."""

    event: dict[str, Any]
    """The declared fields, converted: top-level name to value, structs as dicts, absent ones None."""
    event_id: str | None
    """The event's own id; None if it has none and its coordinates identify it."""
    event_time: datetime
    """When the event happened, UTC."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """A record that does not fit."""

    reason: Reason
    """Why."""
    field: str | None
    """JSON path of the field, None for the record as a whole."""
    detail: str
    """What was found and what was expected."""


class MisfitError(Exception):
    """Carries a misfit from where it is found to who asked."""

    def __init__(self, misfit: Misfit) -> None:
        super().__init__(misfit.detail)
        self.misfit = misfit


def refuse(reason: Reason, field: str | None, detail: str) -> NoReturn:
    """Say that the record does not fit.

    Raises:
        MisfitError: Always.
    """
    raise MisfitError(Misfit(reason, field, detail))
