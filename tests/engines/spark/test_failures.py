"""What Spark raises, in one line."""

from __future__ import annotations

import pytest

pytest.importorskip("pyspark", reason="engine `spark` is not installed: pyspark is missing")

from pyspark.errors import AnalysisException, PythonException

from streaming_assets.engines.spark.failures import first_line

WORKER = """
  An exception was thrown from the Python worker. Please see the stack trace below.
Traceback (most recent call last):
  File "worker.py", line 3, in read
KeyError: 'id'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "worker.py", line 10, in decide
    raise ValueError("no such value")
ValueError: no such value
and more
"""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            AnalysisException(message="[NO_COLUMN] There is no `x`.\n'Project\n+- Relation"),
            "[NO_COLUMN] There is no `x`.",
        ),
        (PythonException(message=WORKER), "ValueError: no such value"),
        (
            PythonException(message=WORKER + "\n\tat org.apache.spark.Task.run(Task.scala:1)"),
            "ValueError: no such value",
        ),
        (PythonException(message="the worker ended"), "the worker ended"),
        (ValueError(), "ValueError"),
    ],
)
def test_an_error_is_told_in_a_line(error, line):
    """The cause is told, without query plan, Python's traceback or the JVM's stack."""
    assert first_line(error) == line
