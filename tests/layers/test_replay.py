"""What can be asked of a replay, in words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from streaming_assets.engines.protocol import Selection
from streaming_assets.errors import QuarantineError
from streaming_assets.fitting import Reason
from streaming_assets.layers.replay import nothing_to_replay, select

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_nothing_asked_selects_all():
    """Without reason and time all records are meant."""
    assert select(None, None) == Selection()


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_can_be_asked_for(reason):
    """Each word of the vocabulary is a reason, with or without a time."""
    assert select(str(reason), NOON) == Selection(reason=reason, since=NOON)


def test_an_unknown_reason_offers_the_vocabulary():
    """A reason that does not exist is refused with all that do, and with the one that was probably meant."""
    with pytest.raises(QuarantineError) as told:
        select("missing_fild", None)
    assert told.value.summary == "There is no reason 'missing_fild' for quarantine."
    assert [reason for reason in Reason if reason not in told.value.expected] == []
    assert told.value.remedy == "did you mean missing_field?"
    with pytest.raises(QuarantineError) as told:
        select("?", None)
    assert told.value.remedy is None


def test_nothing_to_replay_tells_what_there_is(make_lab):
    """It is told what was asked for, and what is in quarantine instead, by reason."""
    lab = make_lab()
    empty = nothing_to_replay(lab.source, Selection(), lab.lake)
    assert empty == f"There is nothing to replay for {lab.source.name}: quarantine is empty."
    at = "2026-03-01T11:00:00Z"
    lab.bronze(b"x", b"y", {"kind": "view"}, {"at": at, "kind": None}, {"at": at})
    lab.refine()

    told = nothing_to_replay(lab.source, Selection(reason="not_utf8", since=NOON), lab.lake)

    assert "no record for not_utf8 read from Kafka since 2026-03-01T12:00:00+00:00 is in quarantine" in told
    assert told.endswith("but 2 not_json, 2 missing_field, 1 null_field.")
