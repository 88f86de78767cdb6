"""The Spark session that the settings name: one on this machine, a Spark Connect server's, or the one that is there.

`dagster-pyspark`'s resource is not used: the command line needs the same session without Dagster, that resource can't
keep what Spark writes out of a command's output, and it brings nothing else.
"""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

from pyspark.errors import PySparkException
from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

from streaming_assets.engines.spark.failures import first_line
from streaming_assets.errors import EngineError
from streaming_assets.settings import EXISTING_SESSION, Settings

_NEEDED = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    # `${…}` in a plugin's SQL, or in a key that bounds a range, is text, and not a variable of Spark's process.
    "spark.sql.variable.substitute": "false",
    # The days that only the new calendar has, before 1582-10-15, are others once they went through Java's old one, and
    # conditions on files do.
    "spark.sql.datetime.java8API.enabled": "true",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.maxConcurrentOutputFileWriters": "64",  # otherwise a write sorts its rows by day, whatever the days
    "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",  # a worker's check costs a little for each batch
    # What is kept is gone through two or three times: looking for a dense form costs more than it gives back.
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
    # Spark's default is a type that the Parquet format has given up, and that other engines read without a zone.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
"""Properties that rows or speed depend on; they are set in every session, and win over `spark_config`."""

_DECISIVE = frozenset({"spark.sql.session.timeZone", "spark.sql.ansi.enabled"})
"""Those without which rows of any source would be other ones. Without the others, a refresh is slower, its files are of
an older form, a `${…}` in a plugin's SQL is filled in, or the days before the new calendar are moved."""

_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""Where PySpark writes the stack of each query that fails to standard error, also of those that are expected to."""

_PORT = 15002
"""Port of a Spark Connect server whose address names none."""

_PATIENCE_SECONDS = 10.0

_MOST_TRIES = 8
_LONGEST_WAIT_MILLISECONDS = 5_000
"""How often, and how long after the last time at most, a server that does not answer is asked again: for about 25 s."""


def open_session(settings: Settings) -> SparkSession:
    """Return a session as the settings name it; a session on this machine starts Spark where this process has none.

    Raises:
        EngineError: It can't be had.
    """
    for logger in _LOGGERS:
        PySparkLogger.getLogger(logger).disabled = True
    try:
        if settings.spark_master == EXISTING_SESSION:
            return _existing()
        session = _remote(settings.spark_remote) if settings.spark_remote else _local(settings)
        for name, value in _NEEDED.items():
            session.conf.set(name, value)
    except Exception as error:  # Java that is missing, a jar that can't be had, a server that does not answer
        raise _unavailable(settings, error) from error
    return session


def _existing() -> SparkSession:
    """Return the session that is there. Serverless compute lets few properties be set; its own fit for the others."""
    session = SparkSession.builder.getOrCreate()
    for name, value in _NEEDED.items():
        try:
            session.conf.set(name, value)
        except PySparkException:
            if name in _DECISIVE:
                raise
    return session


def _remote(address: str) -> SparkSession:
    from pyspark.sql.connect.client.retries import DefaultPolicy  # noqa: PLC0415 - it needs grpc

    # PySpark would try again for ten minutes.
    parts = urlsplit(address)
    socket.create_connection((parts.hostname or "", parts.port or _PORT), _PATIENCE_SECONDS).close()
    session = SparkSession.builder.remote(address).getOrCreate()
    # A server that is gone for longer has lost the session, too. By its own policy PySpark would wait ten minutes.
    policy = DefaultPolicy(max_retries=_MOST_TRIES, max_backoff=_LONGEST_WAIT_MILLISECONDS)
    session.client.set_retry_policies([policy])  # type: ignore[operator]  # the decorator of `client` has no type
    return session


def _local(settings: Settings) -> SparkSession:
    from streaming_assets.engines.spark.local import local_session  # noqa: PLC0415 - it knows the JVM

    return local_session(settings, log_path(settings))


def log_path(settings: Settings) -> Path:
    """Return the file that a Spark of this machine writes to."""
    return settings.home / "spark.log"


def _unavailable(settings: Settings, error: Exception) -> EngineError:
    if settings.spark_master == EXISTING_SESSION:
        where, way = "the session that is there", "run it where there is one, as in a job of a Databricks workspace"
    elif settings.spark_remote:
        where, way = (
            f"the server at {settings.spark_remote}",
            "start it, or mend STREAMING_ASSETS_SPARK_REMOTE; or use `--engine embedded`",
        )
    else:
        where = f"master {settings.spark_master}"
        way = (
            f"see {log_path(settings)}; Spark needs Java 17 or 21, and Maven Central once for its packages; "
            "or let STREAMING_ASSETS_SPARK_REMOTE name a Spark Connect server; or use `--engine embedded`"
        )
    return EngineError(
        "There is no Spark session.",
        found=f"{type(error).__name__}: {first_line(error)}",
        expected=f"a session of Spark 4.0 with Delta and Kafka from {where}",
        meaning="nothing was read or written",
        remedy=way,
    )
