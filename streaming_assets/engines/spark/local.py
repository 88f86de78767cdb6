"""A Spark that this process drives. With `jvm`, what knows the JVM: all else works over Spark Connect, too."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from streaming_assets.kafka.jars import cache_folder
from streaming_assets.settings import Settings

PACKAGES = (
    "io.delta:delta-spark_2.13:4.0.1",
    # Not 4.0.1 or later: their spark-token-provider-kafka can't be resolved everywhere.
    "org.apache.spark:spark-sql-kafka-0-10_2.13:4.0.0",
)
"""What Spark needs besides its own jars, as Maven coordinates."""

PROPERTIES: Mapping[str, str] = {
    "spark.jars.packages": ",".join(PACKAGES),
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.driver.memory": "2g",
    # Of a batch, throughput counts and not each pause. By HotSpot's thresholds, two fifths of the processor time of a
    # first refresh go into compiling, most of it for code that does not run long enough to give that back. Spark's
    # classes take more space than HotSpot begins with, and each step up to it would be a full collection.
    "spark.driver.defaultJavaOptions": "-XX:+UseParallelGC -XX:CompileThresholdScaling=5 -XX:MetaspaceSize=256m",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.redaction.regex": "(?i)secret|password|token|access[.]?key|jaas|pseudonym",
}
"""Properties of a session that is started here; `spark_config` wins."""

ON_THIS_MACHINE: Mapping[str, str] = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    # Made for a cluster, Spark's and Delta's defaults would cut small tables into hundreds of tasks.
    "spark.sql.shuffle.partitions": str(2 * (os.cpu_count() or 1)),
    "spark.databricks.delta.snapshotPartitions": "2",
}
"""The same where its executors are on this machine, too: those of a cluster have to reach the driver."""


def local_session(settings: Settings, log: Path) -> SparkSession:
    """Return a new session of the Spark of this process, which is started if there is none.

    Args:
        settings: The settings.
        log: File for what Spark has to say.
    """
    with SparkContext._lock:  # noqa: SLF001 - as the builder does
        if SparkContext._active_spark_context is None:  # noqa: SLF001 - there is no public way to ask
            _start(settings, log)
    # One of its own, as views have the same names for all sources.
    return SparkSession.builder.getOrCreate().newSession()


def properties(settings: Settings) -> dict[str, str]:
    """Return the properties of a session that is started with these settings."""
    here = ON_THIS_MACHINE if _is_local(settings) else {}
    return {**PROPERTIES, **here, **settings.spark_config}


def _is_local(settings: Settings) -> bool:
    return settings.spark_master.startswith("local")


def _start(settings: Settings, log: Path) -> None:
    """Start Spark, which writes what it has to say to a file: it is for whoever looks for a cause."""
    conf = SparkConf().setMaster(settings.spark_master).setAppName("streaming_assets")
    conf.setAll([*properties(settings).items()])
    if _is_local(settings):
        # The workers run on this machine, and need what this process has; `python3` on the path may be another one.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    log.parent.mkdir(parents=True, exist_ok=True)
    # Spark's resolver takes files that another process has not written to their end.
    cache_folder().mkdir(parents=True, exist_ok=True)
    with FileLock(cache_folder() / "spark-packages.lock"), log.open("ab") as output:
        gateway = launch_gateway(conf, popen_kwargs={"stdout": output, "stderr": output})  # type: ignore[no-untyped-call]
    _quiet_py4j()
    with _keeping_interrupts():
        SparkContext(conf=conf, gateway=gateway)


@contextmanager
def _keeping_interrupts() -> Iterator[None]:
    """Leave Ctrl-C to who has it: PySpark's own handler loses it where it comes while the JVM is waited for."""
    handler = signal.getsignal(signal.SIGINT)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handler)


def _quiet_py4j() -> None:
    """Keep the stacks of Py4J from standard error: some go to its own loggers, some to the root logger."""
    logging.getLogger().addFilter(_is_not_of_py4j)
    logger = logging.getLogger("py4j")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False


def _is_not_of_py4j(record: logging.LogRecord) -> bool:
    """Leave out the stacks that Py4J writes to the root logger when a call is interrupted or the JVM is gone."""
    return Path(record.pathname).parent.name != "py4j"
