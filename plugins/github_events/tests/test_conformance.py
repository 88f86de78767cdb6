from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from streaming_assets_github_events.testing import EventsServer, page

from streaming_assets.testing import conformance

BEGIN = datetime(2026, 3, 1, 11, 50, tzinfo=UTC)
KINDS = ("PushEvent", "WatchEvent", "IssuesEvent")


def event(number: int) -> bytes:
    """An event as the API answers it: one a minute, of 7 actors in 5 repositories, some of them with an action."""
    row = {
        "id": str(1_000 + number),
        "type": KINDS[number % 3],
        "actor": {"id": number % 7, "login": f"actor-{number % 7}", "url": "https://example.org"},
        "repo": {"id": number % 5, "name": f"owner-{number % 2}/repository-{number % 5}"},
        "payload": {"action": "started"} if number % 3 == 1 else {},
        "public": True,
        "created_at": (BEGIN + number * timedelta(minutes=1)).isoformat().replace("+00:00", "Z"),
    }
    return json.dumps(row if number % 4 else {**row, "org": {"id": 1}}).encode()


@pytest.fixture(scope="module")
def producer_options():
    """Options for a server on this machine that answers with a page of events, newest first."""
    with EventsServer([page([event(number) for number in reversed(range(90))])]) as server:
        yield {"api_url": server.url}


TestConformance = conformance("github_events")
