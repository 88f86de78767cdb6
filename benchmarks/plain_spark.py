"""The job that a data engineer writes by hand for the tables of `github_events`: what engine `spark` is measured by.

Bronze and Silver are streams with `availableNow`, each with its checkpoint, as Spark's guides show them; the Gold
tables are counted anew and replaced as a whole. Nothing is quarantined, and what can't be parsed is filtered out. Its
session is the one of Delta's quick start, with a shuffle as guides to local mode advise it: the default of 200
partitions would make it slower by far.
"""

from __future__ import annotations

from pathlib import Path

from delta import configure_spark_with_delta_pip
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf

_EVENT = """
    id STRING, type STRING, public BOOLEAN, created_at TIMESTAMP, actor STRUCT<id: BIGINT, login: STRING>,
    repo STRUCT<id: BIGINT, name: STRING>, payload STRUCT<action: STRING>
"""


def session(master: str) -> SparkSession:
    """Start Spark with Delta and Kafka."""
    builder = (
        SparkSession.builder.appName("plain")
        .master(master)
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.driver.memory", "2g")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.ui.enabled", "false")
    )
    return configure_spark_with_delta_pip(builder, ["org.apache.spark:spark-sql-kafka-0-10_2.13:4.0.0"]).getOrCreate()


def run(spark: SparkSession, servers: str, topic: str, lake: Path) -> int:
    """Bring everything in the topic to all tables; return the number of Bronze rows."""
    records = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", servers)
        .option("subscribe", topic)
        .option("startingOffsets", "earliest")
        .load()
    )
    bronze = records.select("value", "key", "topic", "partition", "offset", "timestamp")
    _append(bronze, lake / "bronze", lake / "checkpoints" / "bronze")

    stored = spark.readStream.format("delta").load(str(lake / "bronze"))
    parsed = stored.select(sf.from_json(sf.col("value").cast("string"), _EVENT).alias("event"), "partition", "offset")
    silver = (
        parsed.where("event.id IS NOT NULL AND event.created_at IS NOT NULL")
        .selectExpr(
            "event.id AS event_id",
            "event.created_at AS event_time",
            "event.type AS event_type",
            "event.actor.id AS actor_id",
            "event.actor.login AS actor_login",
            "event.repo.id AS repo_id",
            "event.repo.name AS repo_name",
            "split_part(event.repo.name, '/', 1) AS org",
            "event.payload.action AS action",
            "event.public AS public",
            "partition",
            "offset",
        )
        .withWatermark("event_time", "1 day")
        .dropDuplicatesWithinWatermark(["event_id"])
    )
    _append(silver, lake / "silver", lake / "checkpoints" / "silver")

    clean = spark.read.format("delta").load(str(lake / "silver"))
    _replace(clean.groupBy(sf.window("event_time", "1 minute"), "event_type").count(), lake / "events_per_type")
    active = clean.groupBy(sf.window("event_time", "1 hour"), "org").agg(sf.countDistinct("actor_login").alias("users"))
    _replace(active, lake / "active_users_per_org")
    _replace(clean.groupBy(sf.window("event_time", "5 minutes"), "repo_name").count(), lake / "top_repositories")
    return int(spark.read.format("delta").load(str(lake / "bronze")).count())


def _append(rows: DataFrame, table: Path, checkpoint: Path) -> None:
    stream = rows.writeStream.format("delta").outputMode("append").option("checkpointLocation", str(checkpoint))
    stream.trigger(availableNow=True).start(str(table)).awaitTermination()


def _replace(rows: DataFrame, table: Path) -> None:
    rows.write.format("delta").mode("overwrite").save(str(table))
