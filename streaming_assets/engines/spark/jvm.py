"""What the JVM of this process raises and PySpark lets through, as PySpark's errors.

Over Spark Connect there is nothing to do: all that a server tells is PySpark's, though without the causes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.errors.exceptions.captured import CapturedException, UnknownException, convert_exception


@contextmanager
def as_spark_errors() -> Iterator[None]:
    """Turn errors of the JVM into PySpark's.

    PySpark looks at what is raised, and not at its causes: that of a write is most often that a task failed.

    Raises:
        PySparkException: The first cause that PySpark has a class for, else the last one; or the JVM is gone.
    """
    try:
        yield
    except Py4JJavaError as error:
        raise _cause(convert_exception(error.java_exception)) from error
    except (Py4JError, ConnectionError) as error:
        raise PySparkException(message=f"the process of Spark ended or does not answer ({error})") from error


def _cause(error: CapturedException) -> CapturedException:
    while isinstance(error, UnknownException) and isinstance(error._cause, CapturedException):  # noqa: SLF001 - no other way
        error = error._cause  # noqa: SLF001
    return error
