import gzip
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from streaming_assets.errors import ReplayError
from streaming_assets.kafka.recorded import FileReplay

DATA = Path(__file__).parents[3] / "shared" / "data"
LINES = [b'{"a": 1}', b"", b'{"b" :\t2}\r', b"{cut", b"\xff\x00\xfe", "zwölf\u2028".encode()]


def _values(*paths):
    replay, values = FileReplay(paths), []
    while (batch := replay.next_batch()).poll_after is not None:
        values += [event.value for event in batch.events]
    replay.close()
    return values


def test_lines_come_byte_for_byte(tmp_path):
    """Malformed, empty and binary lines are events as they stand, without the newline only."""
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(LINES) + b"\n")
    assert _values(file) == LINES


def test_last_line_needs_no_newline(tmp_path):
    """An event at the end of a file counts with and without a newline after it."""
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"one\ntwo")
    assert _values(file) == [b"one", b"two"]


def test_compression_is_told_by_content_and_not_by_name(tmp_path):
    """A gzip file is unpacked whatever its name, and a plain file named .gz is read as it is."""
    packed, plain = tmp_path / "packed.ndjson", tmp_path / "plain.gz"
    packed.write_bytes(gzip.compress(b"\n".join(LINES)))
    plain.write_bytes(b"\n".join(LINES))
    assert _values(packed, plain) == LINES + LINES


def test_empty_file_has_no_events(tmp_path):
    """A file of no bytes adds nothing, and the next one is read."""
    empty, other = tmp_path / "empty", tmp_path / "other"
    empty.touch()
    other.write_bytes(b"x\n")
    assert _values(empty, other) == [b"x"]


def test_recorded_events_come_byte_for_byte():
    """The lines of a real recording, unpacked by other means, are the events."""
    file = DATA / "github" / "2018-01-01-11_pinot_10000.ndjson.gz"
    if not file.exists():
        pytest.skip("the recorded events are not there")
    expected = gzip.decompress(file.read_bytes()).removesuffix(b"\n").split(b"\n")
    assert expected == _values(file)


def test_batches_are_bounded_by_events_and_by_bytes(tmp_path):
    """No batch has more than 10,000 events, or goes on after 8 MiB."""
    short, long = tmp_path / "short", tmp_path / "long"
    short.write_bytes(b"x\n" * 25_000)
    long.write_bytes((b"y" * 2**20 + b"\n") * 20)
    replay, sizes = FileReplay([short, long]), []
    while (batch := replay.next_batch()).poll_after is not None:
        sizes.append(len(batch.events))
    assert sizes == [10_000, 10_000, 5_000, 8, 8, 4]


def test_missing_file_is_named_before_anything_is_produced(tmp_path):
    """Every file is looked at first, so that a wrong name costs nothing."""
    there = tmp_path / "there"
    there.write_bytes(b"x\n")
    with pytest.raises(ReplayError, match=r"absent") as caught:
        FileReplay([there, tmp_path / "absent"])
    assert caught.value.found == "No such file or directory"


def test_folder_is_not_a_file(tmp_path):
    """A folder among the files is an error that names it."""
    with pytest.raises(ReplayError, match=str(tmp_path)):
        FileReplay([tmp_path])


def _until_error(file):
    replay, values = FileReplay([file]), []
    try:
        while (batch := replay.next_batch()).poll_after is not None:
            values += [event.value for event in batch.events]
    except ReplayError as error:
        return values, error
    pytest.fail("the file was read to its end")


def test_truncated_gzip_gives_what_comes_before_its_end(tmp_path):
    """Whole lines before the cut are produced, and the error names the file and their number."""
    lines = [f'{{"number": {number}, "square": {number * number}}}'.encode() for number in range(50_000)]
    packed = gzip.compress(b"\n".join(lines))
    file = tmp_path / "events.gz"
    file.write_bytes(packed[: len(packed) // 2])
    values, error = _until_error(file)
    assert len(values) > 10_000
    assert lines[: len(values)] == values
    assert str(file) in error.summary
    assert f"{len(values)} events of this file" in error.meaning


def test_gzip_whose_checksum_is_wrong_is_an_error(tmp_path):
    """Damage that only the checksum at the end shows (RFC 1952, 2.3.1) does not pass for a good file."""
    packed = bytearray(gzip.compress(b"one\ntwo\n"))
    packed[-8] ^= 1
    file = tmp_path / "events.gz"
    file.write_bytes(packed)
    values, error = _until_error(file)
    assert values == [b"one", b"two"]
    assert "CRC" in error.found


def test_file_that_vanishes_later_says_what_was_read_in_all(tmp_path):
    """A second file that can't be read any more leaves the first one's events delivered and counted."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"x\n" * 3)
    shutil.copy(first, second)
    replay = FileReplay([first, second])
    second.unlink()
    assert len(replay.next_batch().events) == 3
    with pytest.raises(ReplayError, match=r"second") as caught:
        replay.next_batch()
    assert "3 in all" in caught.value.meaning


def test_endless_line_is_an_error(tmp_path, monkeypatch):
    """A file without newlines is not read into memory as one event."""
    monkeypatch.setattr("streaming_assets.kafka.recorded.LONGEST_LINE", 1000)
    file = tmp_path / "events"
    file.write_bytes(b"short\n" + b"x" * 5000)
    replay = FileReplay([file])
    assert [event.value for event in replay.next_batch().events] == [b"short"]
    with pytest.raises(ReplayError, match=r"more than 1000 bytes"):
        replay.next_batch()


def test_pipe_gives_every_event():
    """All lines of a process that writes more than any buffer holds come, from the first byte to the last."""
    with subprocess.Popen([sys.executable, "-c", "for n in range(99_999): print(n)"], stdout=subprocess.PIPE) as writer:
        values = _values(Path(f"/dev/fd/{writer.stdout.fileno()}"))
    assert [b"%d" % number for number in range(99_999)] == values


def test_pipe_of_gzip_that_comes_byte_by_byte():
    """A compressed pipe is known as such also if its first read brings one byte."""
    reading, writing = os.pipe()
    packed = gzip.compress(b"\n".join(LINES))
    replay = FileReplay([Path(f"/dev/fd/{reading}")])
    os.write(writing, packed[:1])
    rest = threading.Timer(0.2, lambda: (os.write(writing, packed[1:]), os.close(writing)))
    rest.start()
    assert [event.value for event in replay.next_batch().events] == LINES
    os.close(reading)


def test_pipes_that_are_filled_one_after_the_other(tmp_path):
    """Two named pipes are read in turn: whoever fills both opens the second after the first is read."""
    first, second = tmp_path / "first", tmp_path / "second"
    os.mkfifo(first)
    os.mkfifo(second)
    lines = [b"x" * 100] * 10_000

    def fill():
        for pipe in (first, second):
            pipe.write_bytes(b"\n".join(lines))

    threading.Thread(target=fill, daemon=True).start()
    assert _values(first, second) == lines + lines


def test_missing_file_leaves_a_pipe_untouched(tmp_path):
    """A wrong name beside a pipe is told without taking anything out of the pipe."""
    reading, writing = os.pipe()
    os.write(writing, b"one\n")
    os.close(writing)
    with pytest.raises(ReplayError, match=r"absent"):
        FileReplay([Path(f"/dev/fd/{reading}"), tmp_path / "absent"])
    assert os.read(reading, 10) == b"one\n"
    os.close(reading)


def test_file_that_may_not_be_read_is_told_first(tmp_path):
    """A file or pipe without the permission to read is an error before anything is produced."""
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    file, pipe = tmp_path / "file", tmp_path / "pipe"
    file.touch()
    os.mkfifo(pipe)
    for path in (file, pipe):
        path.chmod(0)
        with pytest.raises(ReplayError, match=str(path)) as caught:
            FileReplay([path])
        assert caught.value.found == "Permission denied"
