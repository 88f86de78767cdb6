from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from streaming_assets_bike_hire.schema import SCHEMA

from streaming_assets.fitting import Fit, Fitter, Reason

LATER = datetime(2030, 1, 1, tzinfo=UTC)


def fit(**changes):
    """Fit a hire; keyword arguments replace its fields, and an ellipsis leaves one out."""
    event = {
        "id": "e-1",
        "at": 1767268800123,
        "kind": "hire",
        "rider": "ada",
        "bike": {"id": "b-1", "battery": 80},
        "station": {"name": "Harbour"},
    } | changes
    value = json.dumps({name: item for name, item in event.items() if item is not ...}).encode()
    return Fitter(SCHEMA).fit(value, LATER)


def test_times_are_milliseconds():
    """The time of an event is read to the millisecond."""
    assert fit().event_time == datetime(2026, 1, 1, 12, 0, 0, 123_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"kind": "return", "path": "_p~iF~ps|U"},
        {"kind": "service", "rider": ...},
        {"station": {"name": "Harbour", "docks": 12}},
    ],
)
def test_these_events_fit(changes):
    """Every kind fits with what it needs, and names that nobody knows yet do no harm."""
    assert isinstance(fit(**changes), Fit)


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"at": "soon"}, Reason.WRONG_TYPE, "$.at"),
        ({"kind": "stolen"}, Reason.PATTERN_MISMATCH, "$.kind"),
        ({"rider": ...}, Reason.MISSING_FIELD, "$.rider"),
        ({"bike": {"id": "b-1"}}, Reason.MISSING_FIELD, "$.bike.battery"),
        ({"station": {"name": None}}, Reason.NULL_FIELD, "$.station.name"),
        ({"kind": "return"}, Reason.MISSING_FIELD, "$.path"),
        ({"kind": "return", "path": "_p~iF~ps|"}, Reason.PATTERN_MISMATCH, "$.path"),
        ({"kind": "hire", "path": ""}, Reason.PATTERN_MISMATCH, "$.path"),
    ],
)
def test_these_events_do_not_fit(changes, reason, field):
    """What is missing or wrong is named with its path."""
    misfit = fit(**changes)
    assert (misfit.reason, misfit.field) == (reason, field)
