"""A refresh that first takes back what other writers did, from the topic to Gold."""

from __future__ import annotations

import pytest
from deltalake import DeltaTable

from streaming_assets.errors import ForeignWrite
from streaming_assets.layers.undo import Undone

pytestmark = pytest.mark.broker


@pytest.fixture
def flow(flow_factory):
    """A source on a topic of its own, with records that fit no schema in its tables."""
    flow = flow_factory("github_events")
    flow.publish([b"a", b"b"])
    flow.refresh()
    return flow


@pytest.mark.parametrize("table", ["bronze", "quarantine"])
def test_refresh_takes_back_what_others_did(flow, table):
    """What somebody deleted stops a refresh; taken back, the same refresh goes on to the newest records."""
    DeltaTable(flow.path(table)).delete()
    flow.publish([b"c"])
    with pytest.raises(ForeignWrite, match=rf"changed table github_events\.{table}"):
        flow.refresh()
    first, *_ = flow.refresh(undo_foreign_writes=True)
    assert isinstance(first, Undone)
    assert (first.table.layer, ["DELETE" in commit for commit in first.commits]) == (table, [True])
    assert flow.counts() == (3, 0, 3)
    assert flow.faults() == []


def test_nothing_is_taken_back_where_nobody_wrote(flow):
    """Tables that are as they should be are left alone."""
    before = flow.versions()
    assert flow.refresh(undo_foreign_writes=True) == []
    assert flow.versions() == before
