from __future__ import annotations

from datetime import UTC, datetime

import pytest
from streaming_assets_github_events import register_event_source
from streaming_assets_github_events.schema import SCHEMA

from streaming_assets.fitting import Fit, Fitter, Reason

LATER = datetime(2030, 1, 1, tzinfo=UTC)


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
    fitter = Fitter(SCHEMA)
    fits = [fitter.fit(line, LATER) for name in names for line in read_rows(name)]
    assert [type(fit) for fit in fits] == [Fit] * rows


@pytest.mark.parametrize(
    ("name", "rows", "reason", "field"),
    [
        ("2012-06-14-15_legacy_timeline_5313.ndjson.gz", 5313, Reason.MISSING_FIELD, "$.id"),
        ("2018-01-01-11_pinot_string_encoded_500.ndjson.gz", 500, Reason.WRONG_TYPE, "$.actor"),
    ],
    ids=["2012", "string-encoded"],
)
def test_no_row_of_another_format_fits(read_rows, name, rows, reason, field):
    """Every row of the old timeline lacks an id, every doubly encoded one has text for its actor: none fits."""
    fitter = Fitter(SCHEMA)
    misfits = [fitter.fit(line, LATER) for line in read_rows(name)]
    assert [(misfit.reason, misfit.field) for misfit in misfits] == [(reason, field)] * rows


def test_the_hook_gives_the_source():
    """The entry point's module registers `github_events` on the topic logs_raw, keyed by login."""
    source = register_event_source()
    assert (source.name, source.topic.name, source.topic.key) == ("github_events", "logs_raw", "actor.login")
    assert [table.name for table in source.gold] == ["events_per_type", "active_users_per_org", "top_repositories"]
