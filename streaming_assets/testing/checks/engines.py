"""Every engine gives the same rows."""

from __future__ import annotations

from streaming_assets.errors import NotConforming
from streaming_assets.testing.arrivals import in_order
from streaming_assets.testing.comparing import differences
from streaming_assets.testing.lake import HandmadeLake
from streaming_assets.testing.subject import Subject


def check_spark(subject: Subject) -> None:
    """Check that engine `spark` gives the same Silver and Gold as the embedded engine.

    Raises:
        EngineError: Spark can't be started.
        PluginError: A transform or query can't run there.
        NotConforming: The rows differ.
    """
    two_cores = {"spark_master": "local[2]", "spark_config": {"spark.sql.shuffle.partitions": "2"}}
    lake = HandmadeLake(subject.new_folder(), subject.source, "spark", **two_cores)
    lake.commit(in_order(subject.arrivals))
    lake.refresh()
    identity = ("event_id", "event_time")
    _refuse(subject, "Silver", differences(subject.tables.silver(), lake.silver(), identity))
    for table in subject.source.gold:
        _refuse(subject, table.name, differences(subject.tables.gold(table), lake.gold(table), table.keys))


def _refuse(subject: Subject, table: str, found: list[str]) -> None:
    if found:
        raise NotConforming(
            f"{table} of {subject.source.name} has other rows by Spark than by the embedded engine.",
            found="\n".join(f"- {difference}" for difference in found),
            expected="the same rows by both",
            meaning="one engine could not take over from the other",
            remedy="write the expression in another way (`docs/sql.md`), or round fractional numbers",
        )
