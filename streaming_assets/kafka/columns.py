"""Records of a batch as Arrow columns, built column by column: an object per record would cost more than reading it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from confluent_kafka import Message

RECORD_SCHEMA = pa.schema(
    [
        pa.field("value", pa.binary()),
        pa.field("key", pa.binary()),
        pa.field("headers", pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))),
        pa.field("topic", pa.string(), nullable=False),
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("timestamp", pa.timestamp("us", tz="UTC")),
        pa.field("timestamp_type", pa.int32(), nullable=False),
    ]
)
"""Columns of a batch of records. `timestamp_type` has Kafka's values: 0 create time, 1 log append time, -1 none.

A producer can write any 64-bit number as `timestamp`; it is null where that is not a time of the years 1970 to 9999.
`headers` is null without any. Where a name is not UTF-8, only that there are headers can be told: they are one entry
without name and value. confluent-kafka gives none of them then; Spark's source, which has names as text alone, puts
U+FFFD in place of what it can't read. So that both tell the same, a name with that character is unreadable, too."""

REPLACED = "\ufffd"
"""Unicode's character for what could not be read."""

LATEST_MILLISECONDS = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z as a record's timestamp: neither SQL nor Python has a later year."""

_Listed = Sequence[tuple[str | None, bytes | None]]
_Headers = _Listed | None
_UNREADABLE: _Listed = [(None, None)]
_Integers = npt.NDArray[np.int64]


class BinaryColumn:
    """A column of bytes or null, appended to chunk by chunk."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._lengths: list[npt.NDArray[np.int32]] = []
        self._valid: list[npt.NDArray[np.bool_]] = []

    def append(self, values: Sequence[bytes | None], lengths: npt.NDArray[np.int32]) -> None:
        """Append values; `lengths` has their lengths, -1 for null."""
        valid = lengths >= 0
        present = values if valid.all() else [value for value in values if value is not None]
        self._data += b"".join(present)  # type: ignore[arg-type]
        self._lengths.append(np.maximum(lengths, 0))
        self._valid.append(valid)

    def array(self) -> pa.Array:
        """Return the column; the bytes are not copied, so this is the end of it."""
        offsets = np.zeros(sum(map(len, self._lengths)) + 1, np.int32)
        if self._lengths:
            np.cumsum(np.concatenate(self._lengths), out=offsets[1:])
        valid = np.concatenate(self._valid) if self._valid else np.ones(0, np.bool_)
        bitmap = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
        buffers = [bitmap, pa.py_buffer(offsets), pa.py_buffer(self._data)]
        return pa.Array.from_buffers(pa.binary(), len(valid), buffers)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some records, in the order in which they came; one entry per record everywhere."""

    messages: list[Message]
    values: list[bytes | None]
    keys: list[bytes | None]
    value_lengths: npt.NDArray[np.int32]
    key_lengths: npt.NDArray[np.int32]
    partitions: npt.NDArray[np.int32]
    offsets: _Integers

    @classmethod
    def of(cls, messages: list[Message]) -> Chunk:
        """Take values, keys and places out of messages that are not errors."""
        count = len(messages)
        values, keys = list(map(Message.value, messages)), list(map(Message.key, messages))
        return cls(
            messages=messages,
            values=values,
            keys=keys,
            value_lengths=_lengths(values),
            key_lengths=_lengths(keys),
            partitions=np.fromiter(map(Message.partition, messages), np.int32, count),
            offsets=np.fromiter(map(Message.offset, messages), np.int64, count),
        )

    def split(self, count: int) -> tuple[Chunk, Chunk]:
        """Return the first `count` records, and the rest."""
        if count == len(self.messages):
            return self, self._part(slice(0))
        return self._part(slice(count)), self._part(slice(count, None))

    def where(self, mask: npt.NDArray[np.bool_]) -> Chunk:
        """Return the records for which a mask is true; all of them cost nothing."""
        return self if mask.all() else self._part(np.flatnonzero(mask))

    def _part(self, which: slice | npt.NDArray[np.intp]) -> Chunk:
        places = range(len(self.messages))[which] if isinstance(which, slice) else which.tolist()
        return Chunk(
            messages=[self.messages[place] for place in places],
            values=[self.values[place] for place in places],
            keys=[self.keys[place] for place in places],
            value_lengths=self.value_lengths[which],
            key_lengths=self.key_lengths[which],
            partitions=self.partitions[which],
            offsets=self.offsets[which],
        )

    def bytes_up_to(self) -> _Integers:
        """Return, for each record, the bytes of keys and values from the first one up to and with this one."""
        return np.cumsum(np.maximum(self.value_lengths, 0) + np.maximum(self.key_lengths, 0), dtype=np.int64)


def _lengths(values: Sequence[bytes | None]) -> npt.NDArray[np.int32]:
    try:
        return np.fromiter(map(len, values), np.int32, len(values))  # type: ignore[arg-type]
    except TypeError:
        return np.fromiter((-1 if value is None else len(value) for value in values), np.int32, len(values))


class Columns:
    """The records of a batch so far."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._values = BinaryColumn()
        self._keys = BinaryColumn()
        self._headers: list[_Headers] = []
        self._any_headers = False
        self._partitions: list[npt.NDArray[np.int32]] = []
        self._offsets: list[_Integers] = []
        self._timestamps: list[_Integers] = []
        self.records = 0
        self.bytes = 0

    def append(self, chunk: Chunk) -> None:
        """Append the records of a chunk."""
        if not chunk.messages:
            return
        self._values.append(chunk.values, chunk.value_lengths)
        self._keys.append(chunk.keys, chunk.key_lengths)
        headers = _headers(chunk.messages)
        self._any_headers = self._any_headers or any(headers)
        self._headers += headers
        self._partitions.append(chunk.partitions)
        self._offsets.append(chunk.offsets)
        # One (type, milliseconds) per message, flat.
        flat = chain.from_iterable(map(Message.timestamp, chunk.messages))
        self._timestamps.append(np.fromiter(flat, np.int64, 2 * len(chunk.messages)).reshape(-1, 2))
        self.records += len(chunk.messages)
        self.bytes += int(chunk.bytes_up_to()[-1])

    def table(self) -> pa.Table:
        """Return the records as a table of `RECORD_SCHEMA`; nothing can be appended afterwards."""
        if not self.records:
            return RECORD_SCHEMA.empty_table()
        kinds, milliseconds = np.concatenate(self._timestamps).T
        columns = [
            self._values.array(),
            self._keys.array(),
            self._header_column(),
            pa.repeat(pa.scalar(self._topic, pa.string()), self.records),
            pa.array(np.concatenate(self._partitions)),
            pa.array(np.concatenate(self._offsets)),
            _timestamp_column(milliseconds),
            pa.array((kinds - 1).astype(np.int32)),  # librdkafka counts from 0 for "none"
        ]
        return pa.Table.from_arrays(columns, schema=RECORD_SCHEMA)

    def _header_column(self) -> pa.Array:
        kind = RECORD_SCHEMA.field("headers").type
        if not self._any_headers:
            return pa.nulls(self.records, kind)
        rows = [
            None if headers is None else [{"key": name, "value": value} for name, value in _readable(headers)]
            for headers in self._headers
        ]
        return pa.array(rows, kind)


def _headers(messages: Sequence[Message]) -> list[_Headers]:
    """Return the headers of messages.

    confluent-kafka gives back a broken list together with an error where a name is not UTF-8. `map` looks for the
    error after each call, which a loop does not do on Python 3.11; and no message may be asked twice, as the broken
    list is what it answers then.
    """
    headers: list[_Headers] = []
    asked = map(Message.headers, messages)
    while len(headers) < len(messages):
        try:
            headers += asked  # type: ignore[arg-type]
        except (SystemError, UnicodeDecodeError):  # those before are in the list, `asked` goes on with the next
            headers.append(_UNREADABLE)
    return headers


def _readable(headers: _Listed) -> _Listed:
    return _UNREADABLE if any(name is not None and REPLACED in name for name, _ in headers) else headers


def _timestamp_column(milliseconds: _Integers) -> pa.Array:
    absent = (milliseconds < 0) | (milliseconds > LATEST_MILLISECONDS)
    microseconds = np.where(absent, 0, milliseconds) * 1000
    return pa.array(microseconds, RECORD_SCHEMA.field("timestamp").type, mask=absent if absent.any() else None)
