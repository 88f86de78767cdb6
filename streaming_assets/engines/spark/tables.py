"""Delta tables as Spark reads and writes them, in the versions and with the fences that `lake` knows.

A table is opened by `lake`, which looks at its log; Spark reads that very version. A write tells Delta on Spark the
table's application id and batch (`txnAppId`, `txnVersion`), and Delta skips it in silence where the table contains a
batch as high already. So every commit carries a token, and who does not find it afterwards did not commit.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from streaming_assets.engines.spark.failures import refusing_conflicts
from streaming_assets.faults import reach
from streaming_assets.lake.tables import LakeTable


def read_table(session: SparkSession, table: LakeTable) -> DataFrame:
    """Return the rows of a table at the version it was opened at."""
    return session.read.format("delta").option("versionAsOf", table.version).load(str(table.path))


def write(  # noqa: PLR0913 - what, where, and which rows give way, by name
    rows: DataFrame,
    table: LakeTable,
    *,
    batch: int,
    metadata: Mapping[str, Any],
    where: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write rows in one commit that says the table now contains `batch`; the table is then at that version.

    Args:
        rows: The rows, in the table's columns.
        table: The table.
        batch: Last batch that the table contains afterwards; higher than before.
        metadata: What is recorded with the commit.
        where: Condition of the rows that are replaced.
        overwrite: Whether all rows are replaced; otherwise, and without `where`, rows are added.

    Raises:
        ConcurrentWrite: Another writer committed.
        ForeignWrite: Others changed rows or batch since the log was looked at.
    """
    recorded = table.prepare_commit(batch, metadata)
    token, layer = secrets.token_hex(8), table.id.layer
    options = {
        "txnAppId": table.id.app_id,
        "txnVersion": str(batch),
        "userMetadata": json.dumps({**recorded, "commit": token}, sort_keys=True),
        **({} if where is None else {"replaceWhere": where}),
    }
    mode = "append" if where is None and not overwrite else "overwrite"
    reach(f"{layer}.computed")
    with refusing_conflicts(table):
        rows.write.format("delta").mode(mode).options(**options).save(str(table.path))
    table.follow(batch, token)
    reach(f"{layer}.committed")
