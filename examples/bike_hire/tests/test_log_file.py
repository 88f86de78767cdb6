from __future__ import annotations

import os

import pytest
from streaming_assets_bike_hire import log_file
from streaming_assets_bike_hire.log_file import LogFile


@pytest.fixture
def log(tmp_path):
    """A log with a finished line and one that is being written."""
    path = tmp_path / "hire.log"
    path.write_bytes(b'{"id": 1}\n{"id"')
    return path


@pytest.fixture
def producer(log):
    """A producer that follows the log."""
    following = LogFile(log)
    yield following
    following.close()


def append(path, text):
    """Write to the end of a file."""
    with path.open("ab") as file:
        file.write(text)


def values(producer):
    """All that the producer has at the moment."""
    batch = producer.next_batch()
    found = [event.value for event in batch.events]
    while batch.poll_after == 0:
        batch = producer.next_batch()
        found += [event.value for event in batch.events]
    return found


def test_lines_are_handed_over_as_they_are_finished(producer, log):
    """A line is an event, byte for byte, once its end is there; empty lines are none."""
    assert values(producer) == [b'{"id": 1}']
    append(log, b": 2 }\n\n  not JSON \xff\r\n")
    assert values(producer) == [b'{"id": 2 }', b"  not JSON \xff\r"]
    assert values(producer) == []


def test_a_large_log_comes_in_pieces(producer, log, monkeypatch):
    """One call reads no more than its share, and says that there is more."""
    monkeypatch.setattr(log_file, "CHUNK_BYTES", 16)
    log.write_bytes(b"a line of a log\n" * 5)
    first = producer.next_batch()
    assert (len(first.events), first.poll_after) == (1, 0)
    assert values(producer) == [b"a line of a log"] * 4


def test_a_log_that_is_not_there_is_waited_for(tmp_path):
    """Without a file the batch is empty and says why, and as soon as there is one its lines come."""
    producer = LogFile(tmp_path / "hire.log")
    batch = producer.next_batch()
    assert (batch.events, batch.poll_after) == ([], log_file.MISSING_SECONDS)
    assert batch.note == f"{tmp_path}/hire.log can't be read (there is no such file); next look in 10 s"
    append(tmp_path / "hire.log", b"{}\n")
    assert values(producer) == [b"{}"]
    producer.close()


def test_a_log_that_is_replaced_is_read_to_its_end(producer, log):
    """What was written before the log was moved away comes before what stands in the new one."""
    values(producer)
    append(log, b": 2}\n")
    log.rename(log.with_suffix(".1"))
    log.write_bytes(b'{"id": 3}\n')
    assert values(producer) == [b'{"id": 2}', b'{"id": 3}']


def test_a_log_that_is_cut_is_read_again(producer, log):
    """A log that is shorter than what was read begins anew."""
    values(producer)
    log.write_bytes(b"{}\n")
    assert values(producer) == [b"{}"]


def test_nothing_is_waited_for(tmp_path):
    """A named pipe that nobody writes to is no log, and does not hold up the call."""
    os.mkfifo(tmp_path / "pipe")
    assert LogFile(tmp_path / "pipe").next_batch().note is not None
