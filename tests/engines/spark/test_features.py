"""Table features that somebody turns on by Spark, and that delta-rs can't read or write, are told with the way out."""

from __future__ import annotations

import re
import shlex
import shutil

import pytest

from streaming_assets.contract import Chart, Field, GoldTable, ScalarType
from streaming_assets.engines.factory import make_engine
from streaming_assets.errors import TableError
from streaming_assets.lake.reader import read_chart, table_summary
from streaming_assets.layers.verify import verify

pytest.importorskip("pyspark", reason="engine `spark` is not installed: pyspark is missing")

pytestmark = pytest.mark.spark

UNREADABLE = {
    "deletionVectors": "SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')",
    "columnMapping": "SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')",
    "typeWidening": "SET TBLPROPERTIES ('delta.enableTypeWidening' = 'true')",
}
UNWRITABLE = {
    "domainMetadata, rowTracking": "SET TBLPROPERTIES ('delta.enableRowTracking' = 'true')",
    "inCommitTimestamp": "SET TBLPROPERTIES ('delta.enableInCommitTimestamps' = 'true')",
    "checkpointProtection": "SET TBLPROPERTIES ('delta.feature.checkpointProtection' = 'supported')",
}
PER_KIND = GoldTable(
    name="per_kind",
    description="Events by kind.",
    sql="SELECT kind, count(*) AS n FROM silver GROUP BY kind",
    columns=(Field(name="kind", type=ScalarType.STRING), Field(name="n", type=ScalarType.LONG)),
    keys=("kind",),
)
CHART = Chart(kind="table", title="Events")


@pytest.fixture
def lab(make_lab, make_source):
    """A lab of the embedded engine with a Gold table and one batch in all tables."""
    made = make_lab(make_source(gold=(PER_KIND,)))
    arrive(made)
    go_on(made, made.engine)
    return made


@pytest.fixture
def spark(lab, spark_settings):
    """Engine `spark` on the lab's tables."""
    engine = make_engine(lab.settings.model_copy(update={**spark_settings, "engine": "spark"}), None)
    yield engine
    engine.close()


def arrive(lab):
    """Bring an event, and a record that is none, to Bronze."""
    lab.bronze({"at": "2026-03-01T11:00:00Z", "kind": "view"}, b"rubbish")


def go_on(lab, engine):
    list(engine.refine(lab.source))
    engine.aggregate(lab.source, PER_KIND)


def alter(lab, spark, statement):
    """Change the Gold table by Spark, as a stranger does."""
    spark._session.sql(f"ALTER TABLE delta.`{lab.open('gold', 'per_kind').path}` {statement}")


def entries(lab):
    return sorted(lab.lake.rglob("_delta_log/*"))


def error_of(attempt) -> TableError:
    with pytest.raises(TableError) as raised:
        attempt()
    assert type(raised.value) is TableError
    return raised.value


def remove(error):
    """Follow the way out that needs no Spark; its refresh is the next one."""
    (folders,) = re.findall(r"`rm -r ([^`]+) && streaming-assets refresh shop`", error.remedy)
    for folder in shlex.split(folders):
        shutil.rmtree(folder)


def check_all_is_right(lab, spark):
    """Check that both engines go on, one after the other, and that everything verifies."""
    for engine in (lab.engine, spark):
        arrive(lab)
        go_on(lab, engine)
    assert [row["n"] for row in lab.rows("gold", "per_kind")] == [3]
    assert [finding for finding in verify(lab.source, lab.engine) if not finding.passed] == []


@pytest.mark.parametrize("feature", UNREADABLE)
def test_a_feature_that_changes_how_files_are_read_is_told(lab, spark, feature):
    """Both engines and the dashboard's reader name it, change nothing, and go on where its way out is followed."""
    alter(lab, spark, UNREADABLE[feature])
    before = entries(lab)
    errors = [
        error_of(attempt)
        for attempt in (
            lambda: go_on(lab, lab.engine),
            lambda: go_on(lab, spark),
            lambda: table_summary(lab.source, PER_KIND, lab.lake),
            lambda: read_chart(lab.source, PER_KIND, CHART, lab.lake),
        )
    ]
    assert {(error.summary, error.found) for error in errors} == {
        ("Table shop.gold.per_kind uses table features that this framework can't read.", feature)
    }
    assert entries(lab) == before
    if feature == "columnMapping":
        (statement,) = re.findall(r"`(ALTER TABLE delta\.`[^`]+` [^`]+)` in Spark", errors[0].remedy)
        spark._session.sql(statement)
    else:
        assert f"DROP FEATURE {feature} TRUNCATE HISTORY" in errors[0].remedy
        remove(errors[0])
    check_all_is_right(lab, spark)


@pytest.mark.parametrize("feature", UNWRITABLE)
def test_a_feature_that_keeps_from_writing_is_told(lab, spark, feature):
    """The embedded engine names it, and not another writer, while readers go on as they did."""
    alter(lab, spark, UNWRITABLE[feature])
    arrive(lab)
    error = error_of(lambda: go_on(lab, lab.engine))
    assert (error.summary, error.found) == (
        "Table shop.gold.per_kind uses table features that this framework can't write.",
        feature,
    )
    assert table_summary(lab.source, PER_KIND, lab.lake).rows == 1
    remove(error)
    go_on(lab, spark)
    assert [row["n"] for row in lab.rows("gold", "per_kind")] == [2]
