"""One engine takes over from another at any commit: both ways, in between, and killed."""

from __future__ import annotations

import itertools
import json
from collections import Counter

import pytest

from streaming_assets.engines.factory import make_engine
from streaming_assets.errors import ConcurrentWrite
from streaming_assets.layers.bronze import plan_ingest
from streaming_assets.settings import load_settings

pytestmark = [pytest.mark.broker, pytest.mark.spark]


def event(number: int) -> bytes:
    return json.dumps(
        {
            "id": str(number),
            "type": ("PushEvent", "WatchEvent")[number % 2],
            "actor": {"id": number % 11, "login": f"user-{number % 11}"},
            "repo": {"id": number % 7, "name": f"owner-{number % 2}/repo-{number % 7}"},
            "public": True,
            "created_at": f"2024-05-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z",
        }
    ).encode()


@pytest.fixture
def flows(flow_factory, spark_settings):
    """One lake, as each engine refreshes it."""
    embedded = flow_factory("github_events")
    settings = load_settings(home=embedded.settings.home, lake=None, engine="spark", **spark_settings)
    return {"embedded": embedded, "spark": type(embedded)(embedded.source, settings, embedded.connection)}


def bring(flow, first: int, count: int) -> None:
    """Publish so many events, each tenth of them twice, and some rubbish."""
    numbers = range(first, first + count)
    flow.publish([event(number) for number in numbers] + [event(number) for number in numbers[::10]] + [b"rubbish"])


def check(flow, events: int, rubbish: int) -> None:
    """Check that so many events are in the tables, each once, and that everything verifies."""
    assert Counter(row["event_id"] for row in flow.rows("silver")) == Counter(map(str, range(events)))
    assert len(flow.rows("quarantine")) == rubbish
    assert flow.faults() == []


def test_engines_take_turns(flows):
    """Batches of one engine after the other's, in both orders, are one set of tables without loss or repeat."""
    for turn, engine in enumerate(["embedded", "spark", "spark", "embedded", "spark", "embedded"]):
        bring(flows[engine], 100 * turn, 100)
        flows[engine].refresh()
        check(flows["embedded"], 100 * (turn + 1), turn + 1)
    batches = [row["batch"] for row in flows["spark"].rows("bronze")]
    assert Counter(batches) == Counter(dict.fromkeys(range(1, 7), 111))


@pytest.mark.parametrize(("first", "second"), [("embedded", "spark"), ("spark", "embedded")])
@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_an_engine_goes_on_where_the_other_stopped(flows, first, second, steps):
    """A refresh that ends after any of its commits is finished by the other engine."""
    bring(flows[first], 0, 100)
    flows[first].refresh()
    bring(flows[first], 100, 50)
    for _ in itertools.islice(flows[first].steps(), steps):
        pass
    flows[second].refresh()
    check(flows[second], 150, 2)


def test_a_batch_of_the_other_engine_fences(flows):
    """An engine that planned before the other one committed writes nothing, and says so."""
    for engine, other in (("spark", "embedded"), ("embedded", "spark")):
        count = len(flows["embedded"].rows("silver")) if (flows["embedded"].path("silver")).exists() else 0
        bring(flows[engine], count, 20)
        flow = flows[engine]
        plan = plan_ingest(flow.source, flow.connection, flow.settings.lake_path)
        flows[other].refresh()
        slow = make_engine(flow.settings, flow.connection)
        with pytest.raises(ConcurrentWrite):
            list(slow.ingest(plan))
        slow.close()
    check(flows["embedded"], 40, 2)
