"""Offsets that Bronze lacks, settled with a real Kafka: losses are told from offsets that hold no record."""

from __future__ import annotations

from dataclasses import replace

import pytest
from deltalake import DeltaTable

from streaming_assets.engines.factory import make_engine
from streaming_assets.kafka.connection import Connection
from streaming_assets.lake.positions import read_position
from streaming_assets.lake.schemas import BRONZE
from streaming_assets.layers.refresh import SourceRefresh
from streaming_assets.layers.scope import Choice
from streaming_assets.layers.verify import Verifier

pytestmark = pytest.mark.broker


@pytest.fixture
def flow(flow_factory):
    """A source on a topic of its own."""
    return flow_factory("github_events")


def check(flow, connection, choice=None, name="offsets"):
    """Run one check of Bronze."""
    engine = make_engine(flow.settings, None)
    try:
        return getattr(Verifier(flow.source, engine, connection, choice or Choice()), f"check_{name}")()
    finally:
        engine.close()


def told(finding):
    """The numbers that are not zero."""
    return {name: number for name, number in finding.numbers.items() if number}


def remove(flow, where):
    DeltaTable(str(flow.path("bronze"))).delete(where)


def test_aborted_transactions_leave_legal_gaps(flow, kafka):
    """Control records and records of aborted transactions are no loss, at the start, inside and at the end."""
    kafka.transact((3, False), (2, True), (4, False), (5, True), (1, False))
    flow.refresh()
    found = check(flow, flow.connection)
    assert (found.passed, told(found), found.notes) == (True, {"records": 7, "legal_gaps": 8 + 5}, ())


def test_a_lost_record_is_told_from_a_legal_gap(flow, kafka):
    """Of the gaps that a topic with transactions has, those are losses where Kafka has a record."""
    kafka.transact((3, False), (4, True), (2, False), (2, True))
    flow.refresh()
    remove(flow, '"offset" IN (4, 6, 13)')
    found = check(flow, flow.connection)
    # Four control records, three and two records of the aborted transactions.
    assert (found.passed, told(found)) == (False, {"records": 3, "lost": 3, "legal_gaps": 4 + 3 + 2})
    assert found.examples == ("lost: partition 0: 4, 6, 13",)


def test_a_lost_record_at_either_end_is_found(flow, kafka):
    """The first record that Bronze was filled from, and the last one before its position, are missed, too."""
    kafka.produce({"value": b"%d" % number, "partition": number % 2} for number in range(10))
    flow.refresh()
    remove(flow, '("partition" = 0 AND "offset" = 0) OR ("partition" = 1 AND "offset" >= 3)')
    found = check(flow, flow.connection)
    assert (found.passed, told(found)) == (False, {"records": 7, "lost": 3})
    assert found.examples == ("lost: partition 0: 0", "lost: partition 1: 3 to 4")


def test_without_a_broker_a_gap_is_unknown(flow, kafka):
    """Nobody can tell a gap where no broker is running: it is told, and no breach."""
    kafka.produce({"value": b"%d" % number} for number in range(5))
    flow.refresh()
    assert check(flow, None).notes == ()
    remove(flow, '"offset" = 2')
    found = check(flow, None)
    assert (found.passed, told(found)) == (True, {"records": 4, "unknown": 1})
    assert found.notes == ("1 unknown, as no broker is running (`streaming-assets broker` starts one): partition 0: 2",)


@pytest.mark.long
def test_a_broker_that_does_not_answer_leaves_gaps_unknown(flow, kafka):
    """A broker that can't be reached is asked for gaps only, and then the reason is told."""
    kafka.produce({"value": b"%d" % number} for number in range(5))
    flow.refresh()
    nobody = Connection("127.0.0.1:9")
    assert check(flow, nobody).notes == ()
    remove(flow, '"offset" = 2')
    found = check(flow, nobody)
    assert (found.passed, told(found)) == (True, {"records": 4, "unknown": 1})
    assert "Kafka does not answer" in found.notes[0]


def test_what_retention_deleted_is_unknown(flow, kafka):
    """A gap that Kafka no longer retains is unknown, beside one that it has and one that it tells to be legal."""
    kafka.transact((4, True), (1, False), (4, True))
    flow.refresh()
    remove(flow, '"offset" IN (1, 2, 8)')
    kafka.delete_before({0: 6})
    found = check(flow, flow.connection)
    assert (found.passed, told(found)) == (False, {"records": 5, "lost": 1, "unknown": 4, "legal_gaps": 2})
    assert found.examples == ("lost: partition 0: 8",)
    assert found.notes == ("4 unknown, as the topic no longer retains them: partition 0: 1 to 2, 4 to 5",)


@pytest.mark.parametrize("how", ["recreate", "delete"])
def test_another_topic_tells_nothing(flow, kafka, how):
    """Offsets of a topic that was created again say nothing about those of the one before."""
    kafka.produce({"value": b"%d" % number} for number in range(5))
    flow.refresh()
    remove(flow, '"offset" = 2')
    getattr(kafka, how)()
    found = check(flow, flow.connection)
    assert (found.passed, told(found)) == (True, {"records": 4, "unknown": 1})
    assert {"recreate": "is another one", "delete": "is gone"}[how] in found.notes[0]


def test_an_accepted_loss_is_told_as_accepted(flow, kafka):
    """What a person accepted as lost is no breach, stays apart from what is unknown, and is told."""
    kafka.produce({"value": b"%d" % number} for number in range(5))
    flow.refresh()
    kafka.produce({"value": b"%d" % number} for number in range(5, 20))
    kafka.delete_before({0: 12})
    engine = make_engine(flow.settings, flow.connection)
    list(SourceRefresh(flow.source, flow.settings, engine, flow.connection, accept_loss=True).run())
    engine.close()
    found = check(flow, flow.connection)
    assert (found.passed, told(found)) == (True, {"records": 13, "accepted": 7})
    assert found.notes == ("7 accepted as lost: partition 0: 5 to 11",)
    remove(flow, '"offset" IN (3, 15)')
    assert told(check(flow, flow.connection)) == {"records": 11, "accepted": 7, "unknown": 1, "lost": 1}


def test_compaction_leaves_legal_gaps(flow, kafka):
    """What compaction removed before it was read is no loss."""
    kafka.compact()
    kafka.produce({"key": b"%d" % (number % 7), "value": b"%d" % number} for number in range(200))
    kafka.wait_until_compacted(100)
    flow.refresh()
    found = check(flow, flow.connection)
    assert found.passed
    assert found.numbers["legal_gaps"] >= 100
    assert found.notes == ()


@pytest.mark.parametrize(("moved", "numbers"), [(-2, {"records": 3, "outside": 2}), (2, {"records": 5, "lost": 2})])
def test_a_position_that_does_not_fit_the_rows_is_found(flow, kafka, moved, numbers):
    """Rows at or behind the position are outside of it, and a position that skipped records has lost them."""
    kafka.produce({"value": b"%d" % number} for number in range(5))
    flow.refresh()
    table = flow.bronze()
    position = read_position(table)
    kafka.produce({"value": b"%d" % number} for number in range(5))
    position = replace(position, next_offsets={**position.next_offsets, 0: 5 + moved})
    table.append(BRONZE.empty_table(), batch=table.batch + 1, metadata={"records": 0, **position.metadata()})
    found = check(flow, flow.connection)
    assert (found.passed, told(found)) == (False, numbers)


def test_bytes_are_compared_with_kafka(flow, kafka):
    """Value, key, headers and timestamp are as Kafka has them, and one byte that differs is found."""
    headers = [("source", b"\xff\x00"), ("none", None)]
    kafka.produce([{"value": b"\x00{cut\xff", "key": b"k", "headers": headers, "timestamp": 1_700_000_000_123},
                   {"value": None}, {"value": b""}, {"value": b"4", "partition": 1}])  # fmt: skip
    flow.refresh()
    found = check(flow, flow.connection, name="same_bytes")
    assert (found.passed, told(found), found.notes) == (True, {"compared": 4}, ())

    DeltaTable(str(flow.path("bronze"))).update(updates={"value": "'5'"}, predicate='"partition" = 1')
    found = check(flow, flow.connection, name="same_bytes")
    assert (found.passed, told(found)) == (False, {"compared": 4, "differing": 1})
    assert found.examples == ("differs: partition 1, offset 0",)


def test_bytes_that_kafka_no_longer_has_are_left_out(flow, kafka):
    """What is not compared is told: what the topic no longer retains, or all of it without a broker."""
    kafka.produce({"value": b"%d" % number} for number in range(5))
    flow.refresh()
    kafka.delete_before({0: 3})
    found = check(flow, flow.connection, name="same_bytes")
    assert (told(found), found.notes) == ({"compared": 2}, ("left out: 3 offsets that the topic no longer retains",))
    found = check(flow, None, name="same_bytes")
    why = "no broker is running (`streaming-assets broker` starts one)"
    assert (told(found), found.notes) == ({}, (f"left out: everything, as {why}",))


def test_a_sample_of_bytes(flow, kafka):
    """A share of the offsets is compared in runs of 10,000, always the same ones."""
    kafka.produce({"value": b"%d" % number, "partition": number % 4} for number in range(120_000))
    flow.refresh()
    found = [check(flow, flow.connection, Choice(share=0.4, deep=True), "same_bytes") for _ in range(2)]
    assert found[0] == found[1]
    assert 10_000 <= found[0].numbers["compared"] <= 100_000
    assert found[0].numbers["compared"] % 10_000 == 0
    least = check(flow, flow.connection, Choice(share=0.000001, deep=True), "same_bytes")
    assert least.numbers["compared"] == 10_000
