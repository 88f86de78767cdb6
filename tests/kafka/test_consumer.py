import threading
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from confluent_kafka import KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streaming_assets.errors import BrokerError, OffsetsRefused
from streaming_assets.kafka.columns import RECORD_SCHEMA
from streaming_assets.kafka.connection import MAX_MESSAGE_BYTES, Connection
from streaming_assets.kafka.consumer import RecordReader
from streaming_assets.kafka.fetching import Fetcher
from streaming_assets.kafka.read_range import ReadRange
from streaming_assets.kafka.topics import topic_state

pytestmark = pytest.mark.broker


def _produce(broker, topic, records):
    """Write records, each a mapping of what `Producer.produce` takes, to partition 0 where none is named."""
    producer = Producer(broker.client_config({"message.max.bytes": MAX_MESSAGE_BYTES, "linger.ms": 5}))
    for record in records:
        producer.produce(topic.name, **{"partition": 0, **record})
    assert producer.flush(30) == 0


def _read(broker, topic, start=None, end=None, **bounds):
    state = topic_state(broker, topic.name)
    bounds = {"max_records": 100_000, "max_bytes": 2**26, **bounds}
    with RecordReader(broker, topic.name, start or state.low, end or state.high, **bounds) as reader:
        return list(reader)


def _records(batches):
    return pa.concat_tables([batch.table for batch in batches])


def test_everything_of_a_record_comes_back(broker, topic_factory):
    """Bytes, key, headers, place and timestamp of a record are read as they were written."""
    topic = topic_factory(partitions=2)
    when = datetime(2018, 1, 1, 11, 0, 0, 123000, UTC)
    headers = [("source", b"\xff\x00"), ("source", b""), ("none", None)]
    record = {"value": b"\x00{cut\xff", "key": b"k\xfe", "partition": 1, "headers": headers}
    _produce(broker, topic, [{**record, "timestamp": int(when.timestamp() * 1000)}])
    (batch,) = _read(broker, topic)
    expected = {
        "value": b"\x00{cut\xff",
        "key": b"k\xfe",
        "headers": [{"key": name, "value": value} for name, value in headers],
        "topic": topic.name,
        "partition": 1,
        "offset": 0,
        "timestamp": when,
        "timestamp_type": 0,
    }
    assert [expected] == batch.table.to_pylist()
    assert batch.table.schema == RECORD_SCHEMA
    assert batch.next_offsets == {0: 0, 1: 1}


def test_absent_and_empty_are_two_things(broker, topic_factory):
    """A null value (tombstone) or key differs from an empty one; no headers are null."""
    topic = topic_factory(partitions=1)
    pairs = [(None, None), (b"", b""), (b"v", None), (None, b"k"), (b"last", b"")]
    _produce(broker, topic, [{"value": value, "key": key} for value, key in pairs])
    (batch,) = _read(broker, topic)
    batch.table.validate(full=True)
    assert pairs == list(zip(batch.table["value"].to_pylist(), batch.table["key"].to_pylist(), strict=True))
    assert batch.table["headers"].null_count == 5


def test_log_append_time_is_told_from_create_time(broker, topic_factory):
    """`timestamp_type` is 1 where the broker stamps the records."""
    topic = topic_factory(partitions=1, config={"message.timestamp.type": "LogAppendTime"})
    _produce(broker, topic, [{"value": b"x", "timestamp": 1000}])
    (row,) = _records(_read(broker, topic)).to_pylist()
    assert row["timestamp_type"] == 1
    assert row["timestamp"].year > 2020


def test_timestamp_that_is_no_time_is_null(broker, topic_factory):
    """The last millisecond of 9999 is a time; a later one, and one before 1970, is not."""
    topic = topic_factory(partitions=1)
    latest = 253_402_300_799_999
    moments = [latest, latest + 1, 2**63 - 1, -62_135_596_800_001, -1000, 1000]
    _produce(broker, topic, [{"value": b"x", "timestamp": moment} for moment in moments])
    expected = [
        datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC),
        *[None] * 4,
        datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
    ]
    assert expected == _records(_read(broker, topic))["timestamp"].to_pylist()


def test_header_name_that_is_not_utf8_costs_no_record(broker, topic_factory, produce_with_headers):
    """A record with such a name, also a replaced one, is read with one empty entry as headers; others keep theirs."""
    topic = topic_factory(partitions=1)
    good, bad = "caf\u00e9".encode(), b"caf\xe9"
    replaced = "caf\ufffd".encode()  # as whoever can't read a name writes it, Spark too
    names = [[good], [bad], [good, bad, good], [], [good, good], [good, replaced]] * 300  # more than one chunk
    produce_with_headers(broker, topic, names)
    table = _records(_read(broker, topic, max_records=400))
    told, unreadable = {"key": good.decode(), "value": b"1"}, {"key": None, "value": None}
    assert [b"%d" % number for number in range(1800)] == table["value"].to_pylist()
    expected = [[told], [unreadable], [unreadable], None, [told, told], [unreadable]]
    assert expected * 300 == table["headers"].to_pylist()


def test_ranges_start_and_end_exactly(broker, topic_factory):
    """From every partition come the records from start up to, and without, end, though there are more."""
    topic = topic_factory(partitions=3)
    written = [{"value": b"%d-%d" % (part, n), "partition": part} for n in range(3000) for part in range(3)]
    _produce(broker, topic, written)
    start, end = {0: 0, 1: 1000, 2: 7}, {0: 2999, 1: 1001, 2: 7}
    batches = _read(broker, topic, start, end)
    table = _records(batches)
    expected = {(part, offset) for part in range(3) for offset in range(start[part], end[part])}
    places = list(zip(table["partition"].to_pylist(), table["offset"].to_pylist(), strict=True))
    assert len(places) == len(expected)
    assert expected == set(places)
    assert all(row["value"] == b"%d-%d" % (row["partition"], row["offset"]) for row in table.to_pylist())
    assert end == batches[-1].next_offsets


def test_every_batch_says_where_to_go_on(broker, topic_factory):
    """Reading on from any batch's next offsets gives exactly the records that its successors had."""
    topic = topic_factory(partitions=2)
    _produce(broker, topic, [{"value": b"%d" % n, "partition": n % 2} for n in range(1000)])
    batches = _read(broker, topic, max_records=300)
    assert [batch.table.num_rows for batch in batches] == [300, 300, 300, 100]
    for position, batch in enumerate(batches[:-1]):
        rest = _records(_read(broker, topic, batch.next_offsets))
        expected = _records(batches[position + 1 :])
        assert set(expected["value"].to_pylist()) == set(rest["value"].to_pylist())
        assert expected.num_rows == rest.num_rows


def test_batches_are_bounded_by_bytes(broker, topic_factory):
    """No batch has more bytes than allowed but one of a single larger record, and no record is lost."""
    topic = topic_factory(partitions=1)
    sizes = [10, 400, 599, 5000, 1, 999, 1, 1000, 500, 500, 1]
    _produce(broker, topic, [{"value": b"v" * size} for size in sizes])
    batches = [batch.table["value"].to_pylist() for batch in _read(broker, topic, max_bytes=1000)]
    expected = [[10, 400], [599], [5000], [1, 999], [1], [1000], [500, 500], [1]]
    assert expected == [[len(value) for value in values] for values in batches]


def test_keys_count_as_bytes(broker, topic_factory):
    """The bound is on keys and values together."""
    topic = topic_factory(partitions=1)
    _produce(broker, topic, [{"value": b"v" * 300, "key": b"k" * 300}] * 4)
    assert [batch.table.num_rows for batch in _read(broker, topic, max_bytes=1000)] == [1, 1, 1, 1]


def test_record_of_five_megabytes(broker, topic_factory):
    """A large record is written and read, also where batches are far smaller."""
    topic = topic_factory(partitions=1)
    large = b"0123456789abcdef" * (5 * 2**16)
    _produce(broker, topic, [{"value": b"before"}, {"value": large}, {"value": b"after"}])
    batches = [batch.table["value"].to_pylist() for batch in _read(broker, topic, max_bytes=2**16)]
    assert [[b"before"], [large], [b"after"]] == batches


def _transact(broker, topic, *transactions):
    """Write transactions to partition 0: each a number of records, and whether they are committed."""
    producer = Producer(broker.client_config({"transactional.id": topic.name, "linger.ms": 0}))
    producer.init_transactions(30)
    for count, committed in transactions:
        producer.begin_transaction()
        for number in range(count):
            producer.produce(topic.name, b"%s-%d" % (b"good" if committed else b"bad", number), partition=0)
        producer.flush(30)
        if committed:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)


def test_range_that_ends_in_an_aborted_transaction(broker, topic_factory):
    """Aborted records are not read, reading ends all the same, and the position passes them and the control records."""
    topic = topic_factory(partitions=2)
    _transact(broker, topic, (2, True), (3, False))
    batches = _read(broker, topic)
    # 2 records and their control record, 3 records and theirs
    assert batches[-1].next_offsets == {0: 7, 1: 0}
    assert _records(batches)["value"].to_pylist() == [b"good-0", b"good-1"]


def test_range_of_nothing_but_an_aborted_transaction_moves_the_position(broker, topic_factory):
    """Where there is no record to read, an empty batch passes on the position."""
    topic = topic_factory(partitions=1)
    _transact(broker, topic, (3, False))
    (batch,) = _read(broker, topic)
    assert (batch.table.num_rows, batch.next_offsets) == (0, {0: 4})
    assert batch.table.schema == RECORD_SCHEMA


def test_range_that_ends_in_a_control_record_with_records_behind_it(broker, topic_factory):
    """A record behind the end shows that the range is over; it is not returned."""
    topic = topic_factory(partitions=1)
    _transact(broker, topic, (2, True), (2, True))
    batches = _read(broker, topic, {0: 0}, {0: 3})
    assert _records(batches)["value"].to_pylist() == [b"good-0", b"good-1"]
    assert batches[-1].next_offsets == {0: 3}


def test_full_last_batch_is_followed_by_the_move_to_the_end(broker, topic_factory):
    """If the last record fills a batch, what lies between it and the end is passed in a further, empty one."""
    topic = topic_factory(partitions=1)
    _transact(broker, topic, (2, True), (1, False))
    batches = _read(broker, topic, max_records=2)
    assert [(batch.table.num_rows, batch.next_offsets) for batch in batches] == [(2, {0: 2}), (0, {0: 5})]


def test_empty_range_gives_no_batch(broker, topic_factory):
    """Where start and end are the same there is nothing to commit."""
    topic = topic_factory(partitions=2)
    assert _read(broker, topic) == []


def test_position_that_retention_overtook_is_an_error(broker, topic_factory):
    """A start before the oldest record left is not silently moved forward."""
    topic = topic_factory(partitions=1)
    _produce(broker, topic, [{"value": b"x"}] * 10)
    admin, place = AdminClient(broker.client_config()), TopicPartition(topic.name, 0, 5)
    admin.delete_records([place])[place].result(30)
    assert topic_state(broker, topic.name).low == {0: 5}
    with pytest.raises(OffsetsRefused, match=r"no longer holds") as caught:
        _read(broker, topic, {0: 3}, {0: 10})
    assert caught.value.expected == "the offset 3"


def test_position_behind_the_end_of_the_topic_is_an_error(broker, topic_factory):
    """A start beyond the last record, as after the topic was created again, is not silently moved back."""
    topic = topic_factory(partitions=1)
    _produce(broker, topic, [{"value": b"x"}])
    with pytest.raises(OffsetsRefused, match=r"no longer holds"):
        _read(broker, topic, {0: 50}, {0: 60})


def test_what_came_before_an_error_is_handed_over(broker, topic_factory, monkeypatch):
    """Records that were read when Kafka refused the next ones come as a batch, with a position, before the error."""
    topic = topic_factory(partitions=1)
    _produce(broker, topic, [{"value": b"%d" % number} for number in range(1_000)])
    chunks = Fetcher.chunks

    def cut(self, max_bytes):
        yield next(chunks(self, max_bytes))
        raise OffsetsRefused("The rest is gone.")

    monkeypatch.setattr(Fetcher, "chunks", cut)
    with RecordReader(broker, topic.name, {0: 0}, {0: 1_000}, max_records=1_000, max_bytes=2**20) as reader:
        batch = next(reader)
        with pytest.raises(OffsetsRefused, match="The rest is gone"):
            next(reader)
    assert 0 < batch.table.num_rows < 1_000
    assert batch.next_offsets == {0: batch.table.num_rows}


def test_closing_early_ends_the_second_thread(broker, topic_factory):
    """A caller that stops in the middle leaves no thread behind, and gets nothing more."""
    topic = topic_factory(partitions=1)
    _produce(broker, topic, [{"value": b"x"}] * 1000)
    with RecordReader(broker, topic.name, {0: 0}, {0: 1000}, max_records=10, max_bytes=2**20) as reader:
        assert next(reader).table.num_rows == 10
    assert not reader._thread.is_alive()
    assert list(reader) == []


def test_broker_that_is_not_there_is_waited_for_and_then_an_error(monkeypatch):
    """Without any progress for the time of patience, the error has the address and the reason."""
    monkeypatch.setattr("streaming_assets.kafka.fetching._PATIENCE_SECONDS", 1.0)
    connection = Connection("127.0.0.1:9")
    with (
        RecordReader(connection, "events", {0: 0}, {0: 1}, max_records=1, max_bytes=1) as reader,
        pytest.raises(BrokerError, match=r"127\.0\.0\.1:9.*refused"),
    ):
        next(reader)


@pytest.fixture
def refused():
    """Return the error for an error code of Kafka, in the middle of a range."""
    offsets = ReadRange({1: 7, 3: 9}, {1: 8, 3: 10})
    fetcher = Fetcher(Connection("127.0.0.1:9"), "events", offsets, threading.Event())
    return lambda code, partition=None: fetcher._refused(KafkaError(code), partition)


def test_refusal_without_a_partition_names_all_offsets(refused):
    """An error that concerns no single partition does not blame partition 0."""
    assert refused(KafkaError.OFFSET_OUT_OF_RANGE).expected == "the offsets by partition {1: 7, 3: 9}"
    assert refused(KafkaError.OFFSET_OUT_OF_RANGE, 3).expected == "the offset 9"


@pytest.mark.parametrize("code", [KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.UNKNOWN_TOPIC_ID])
def test_topic_that_is_unknown_in_mid_read_is_left_to_another_look(refused, code):
    """A reader that is told of no such topic does not decide whether it is gone, and names no way out."""
    error = refused(code, 3)
    assert (type(error), error.summary) == (OffsetsRefused, "Kafka does not know topic 'events', partition 3.")
    assert error.remedy is None


@pytest.mark.parametrize("code", [KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.SASL_AUTHENTICATION_FAILED])
def test_missing_permission_is_named(refused, code):
    """A user who may not read the topic is sent to the login and the permissions."""
    error = refused(code)
    assert (type(error), error.summary) == (BrokerError, "Kafka does not allow this user to read topic 'events'.")
    assert KafkaError(code).name() in error.found
    assert "has the permission to read the topic" in error.remedy


def test_any_other_error_is_no_matter_of_permissions(refused):
    """A batch that can't be decoded is named as that, and as what stops reading each time."""
    error = refused(KafkaError._BAD_MSG, 1)
    assert (type(error), error.summary) == (BrokerError, "Topic 'events', partition 1 could not be read.")
    assert "_BAD_MSG" in error.found
    assert error.meaning == "nothing was lost; reading stops here each time until the cause is removed"
    assert "permission" not in error.remedy
