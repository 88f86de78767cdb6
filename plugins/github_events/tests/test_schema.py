from __future__ import annotations

import json
from datetime import datetime

import pytest
from streaming_assets_github_events import register_event_source
from streaming_assets_github_events.schema import SCHEMA

from streaming_assets import ScalarType, Struct


def fits(fields, value) -> bool:
    """Whether a JSON object has the fields, as the contract defines their types."""
    return isinstance(value, dict) and all(
        not field.required if value.get(field.name) is None else has_type(field.type, value[field.name])
        for field in fields
    )


def has_type(type_, value) -> bool:
    match type_:
        case Struct(fields=fields):
            return fits(fields, value)
        case ScalarType.STRING:
            return isinstance(value, str)
        case ScalarType.LONG:
            return type(value) is int and -(2**63) <= value < 2**63
        case ScalarType.BOOLEAN:
            return isinstance(value, bool)
        case ScalarType.TIMESTAMP:
            return datetime.fromisoformat(value).tzinfo is not None
    raise AssertionError(type_)


@pytest.mark.parametrize(
    ("names", "rows"),
    [
        (["2018-01-01-11_pinot_10000.ndjson.gz"], 10_000),
        ([f"2019-10-21_api_pages/page_{number:02}.ndjson.gz" for number in range(2, 12)], 281),
        (["2021-07-21-06_09_pinot_800.ndjson.gz"], 800),
        ([f"2022-08-17_api_pages/poll_{number:02}.ndjson.gz" for number in range(1, 6)], 150),
        (["2026-07_new_schema_30.ndjson.gz"], 30),
    ],
    ids=["2018", "2019", "2021", "2022", "2026"],
)
def test_every_real_event_since_2015_fits(read_rows, names, rows):
    """No real event of the format used since 2015 is set aside."""
    lines = [line for name in names for line in read_rows(name)]
    assert [True] * rows == [fits(SCHEMA.fields, json.loads(line)) for line in lines]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("2012-06-14-15_legacy_timeline_5313.ndjson.gz", 5313),
        ("2018-01-01-11_pinot_string_encoded_500.ndjson.gz", 500),
    ],
    ids=["2012", "string-encoded"],
)
def test_no_row_of_another_format_fits(read_rows, name, rows):
    """Every row of the old timeline and of the doubly encoded shape is set aside."""
    assert [False] * rows == [fits(SCHEMA.fields, json.loads(line)) for line in read_rows(name)]


def test_the_hook_gives_the_source():
    """The entry point's module registers `github_events` on the topic logs_raw, keyed by login."""
    source = register_event_source()
    assert (source.name, source.topic.name, source.topic.key) == ("github_events", "logs_raw", "actor.login")
    assert [table.name for table in source.gold] == ["events_per_type", "active_users_per_org", "top_repositories"]
