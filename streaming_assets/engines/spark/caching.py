"""Frames that are used more than once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame


@contextmanager
def kept(frame: DataFrame) -> Iterator[DataFrame]:
    """Let Spark keep a frame's rows while it is used, in memory or on the workers' disks.

    Where it can't, as on serverless compute, they are computed each time: they come out the same.
    """
    try:
        frame = frame.persist()
    except PySparkException:
        yield frame
        return
    try:
        yield frame
    finally:
        with suppress(PySparkException):
            frame.unpersist()
