import pyarrow as pa
import pytest

from streaming_assets.errors import TopicTruncated
from streaming_assets.kafka.columns import RECORD_SCHEMA
from streaming_assets.kafka.consumer import RecordBatch
from streaming_assets.kafka.overlap import Overlap, last_records


def batch(*places, key=b"k", value=b"v", timestamp=1_000):
    """A batch of records at (partition, offset)."""
    rows = [
        {
            "value": value,
            "key": key,
            "topic": "t",
            "partition": partition,
            "offset": offset,
            "timestamp": timestamp,
            "timestamp_type": 0,
        }
        for partition, offset in places
    ]
    after = {}
    for partition, offset in places:
        after[partition] = offset + 1
    return RecordBatch(pa.Table.from_pylist(rows, schema=RECORD_SCHEMA), after)


def places(table):
    return list(zip(table["partition"].to_pylist(), table["offset"].to_pylist(), strict=True))


def test_last_record_of_each_partition():
    """The last record of a partition is the one that comes last, with its offset; an empty batch has none."""
    table = batch((3, 5), (0, 7), (3, 6), (0, 9)).table
    found = last_records(table)
    assert {partition: offset for partition, (offset, _) in found.items()} == {0: 9, 3: 6}
    assert last_records(table.slice(0, 0)) == {}


def test_fingerprint_tells_records_apart():
    """Timestamp, key and value make a record's fingerprint; absent and empty differ, and no two parts run together."""
    kinds = [
        {},
        {"timestamp": 1_001},
        {"timestamp": None},
        {"key": None},
        {"key": b""},
        {"value": None},
        {"value": b""},
        {"key": b"kv", "value": b""},
        {"key": b"", "value": b"kv"},
    ]
    told = [last_records(batch((0, 1), **kind).table)[0][1] for kind in kinds]
    assert len(set(told)) == len(kinds)
    assert told[0] == last_records(batch((1, 2)).table)[1][1]


def test_what_was_read_before_is_dropped():
    """Reading begins with the last record; that one is dropped, and the position never goes back."""
    last = last_records(batch((0, 4)).table)
    overlap = Overlap("t", {0: 8, 1: 0}, last)
    assert overlap.begin == {0: 4, 1: 0}
    first = overlap.new(RecordBatch(batch((0, 4)).table, {0: 5, 1: 0}))
    assert (first.table.num_rows, first.next_offsets) == (0, {0: 8, 1: 0})
    second = overlap.new(batch((0, 8), (1, 0)))
    assert (places(second.table), second.next_offsets) == ([(0, 8), (1, 0)], {0: 9, 1: 1})


def test_last_record_that_is_gone_is_no_fault():
    """Compaction may have taken the last record away; what comes is new."""
    overlap = Overlap("t", {0: 8}, {0: (4, "gone")})
    assert places(overlap.new(batch((0, 8), (0, 9))).table) == [(0, 8), (0, 9)]


@pytest.mark.parametrize("place", [4, 6])
def test_other_record_where_something_was_read_is_refused(place):
    """Another record in the last one's place, or in one that held nothing, shows another log."""
    overlap = Overlap("t", {0: 8}, last_records(batch((0, 4)).table))
    with pytest.raises(TopicTruncated) as caught:
        overlap.new(batch((0, place), (0, 8), value=b"other"))
    assert caught.value.found == f"another record at offset {place} of partition 0"
    assert caught.value.expected == "the record that Bronze has at offset 4"


def test_partitions_without_a_last_record_are_passed_on():
    """Nothing is dropped or compared where nothing was read, and partitions that are not read do not matter."""
    overlap = Overlap("t", {2: 0}, {5: (3, "other partition")})
    assert overlap.begin == {2: 0}
    assert places(overlap.new(batch((2, 0), (2, 1))).table) == [(2, 0), (2, 1)]
