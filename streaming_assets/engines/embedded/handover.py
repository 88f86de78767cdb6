"""Rows that one thread computes while another writes them: few are held at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Full, Queue

import pyarrow as pa

_HELD = 4
"""Pieces that wait to be written."""

_LOOK_SECONDS = 0.1


class _AbandonedError(Exception):
    """Whoever computes the rows has failed, so what was written of them is not to be committed."""


def write_while_computing(
    pieces: Iterator[pa.RecordBatch], schema: pa.Schema, write: Callable[[pa.RecordBatchReader], None]
) -> int:
    """Compute rows in this thread, where Ctrl-C is heard, while another one writes them; return their number.

    Args:
        pieces: Computes the rows.
        schema: Their columns.
        write: Reads and commits them; it fails, and commits nothing, where computing them fails.

    Raises:
        Exception: Whatever computing or writing raises.
    """
    waiting: Queue[pa.RecordBatch | Exception | None] = Queue(_HELD)
    rows = 0
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="write") as executor:
        writing = executor.submit(write, pa.RecordBatchReader.from_batches(schema, _received(waiting)))

        def hand_over(piece: pa.RecordBatch | Exception | None) -> None:
            while not writing.done():
                try:
                    return waiting.put(piece, timeout=_LOOK_SECONDS)
                except Full:
                    continue
            return None

        try:
            for piece in pieces:
                rows += piece.num_rows
                hand_over(piece)
                if writing.done():
                    break
        except BaseException:
            hand_over(_AbandonedError())
            raise
        hand_over(None)
        writing.result()
    return rows


def _received(waiting: Queue[pa.RecordBatch | Exception | None]) -> Iterator[pa.RecordBatch]:
    while (piece := waiting.get()) is not None:
        if isinstance(piece, Exception):
            raise piece
        yield piece
