"""What Spark raises, as errors a person can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.errors import (
    AnalysisException,
    ArithmeticException,
    ArrayIndexOutOfBoundsException,
    DateTimeException,
    NumberFormatException,
    PySparkException,
    PythonException,
    SparkRuntimeException,
)

from streaming_assets.contract import EventSource
from streaming_assets.engines.spark.jvm import as_spark_errors
from streaming_assets.errors import ConcurrentWrite, EngineError
from streaming_assets.lake.tables import LakeTable

RECORD_ERRORS = (
    ArithmeticException,
    ArrayIndexOutOfBoundsException,
    DateTimeException,
    NumberFormatException,
    SparkRuntimeException,
)
"""What Spark raises where an expression fails on a row."""

DEFINITION_ERRORS = (AnalysisException,)
"""What Spark raises where a query can't run, whatever the rows."""

NULL_IN_REQUIRED = "DELTA_NOT_NULL_CONSTRAINT_VIOLATED"

_TRACEBACK = "Traceback (most recent call last):"
_CONFLICT = ("DELTA_CONCURRENT", "Concurrent")


@contextmanager
def explained(source: EventSource) -> Iterator[None]:
    """Turn the errors of Spark into ours.

    Raises:
        EngineError: Spark failed.
    """
    try:
        with as_spark_errors():
            yield
    except PySparkException as error:
        raise EngineError(
            f"Spark failed while working on {source.name}.",
            found=first_line(error),
            meaning="what was committed before stays, and is not done again; no row of the write that failed is in a "
            "table",
            remedy=f"fix the cause named above, then refresh {source.name} again",
        ) from error


@contextmanager
def refusing_conflicts(table: LakeTable) -> Iterator[None]:
    """Turn Delta's refusal of a commit into ours.

    Raises:
        ConcurrentWrite: Another writer committed first.
    """
    try:
        with as_spark_errors():
            yield
    except PySparkException as error:
        if not any(word in str(error) for word in _CONFLICT):
            raise
        raise ConcurrentWrite(
            f"Another writer committed to table {table.id.name} first.",
            found=first_line(error),
            expected="no other writer of this table",
            meaning="this write was refused as a whole; no row is duplicated",
            remedy="run the refresh again: it starts from what the table contains now",
        ) from error


def first_line(error: Exception) -> str:
    """Return what an error says in one line; Spark's go on with the query and the JVM's stack.

    Of what a Python worker raised, that is the line behind the traceback.
    """
    text = str(error)
    if isinstance(error, PythonException):
        text = "\n".join(line for line in text.rpartition(_TRACEBACK)[2].splitlines() if line[:1].strip())
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
