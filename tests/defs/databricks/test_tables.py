"""Jobs that really fill the tables: on serverless compute, which is Spark Connect, and on a classic cluster."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from deltalake import DeltaTable

pytest.importorskip("pyspark", reason="engine `spark` is not installed: pyspark is missing")

from streaming_assets.engines.spark.local import ON_THIS_MACHINE, PROPERTIES
from streaming_assets.settings import load_settings
from tests.support.connect_server import connect_server

pytestmark = [
    pytest.mark.broker,
    pytest.mark.spark,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("spark_settings"),
    pytest.mark.filterwarnings("ignore::dagster.PreviewWarning"),  # raised by the Pipes library itself
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

KEY = "a key for tests"
TABLES = ("bronze", "silver", "quarantine", "gold/events_by_type", "gold/user_sessions", "gold/video_activity")
MALFORMED = (b"not JSON", b'{"event": "like"}')


@pytest.fixture
def serverless(workspace, tmp_path):
    """Let tasks find a Spark Connect server, as on serverless compute."""
    with connect_server({**PROPERTIES, **ON_THIS_MACHINE}, tmp_path / "connect.log") as address:
        workspace.cluster = {"SPARK_REMOTE": address}
        yield "serverless"


NO_LINKS = """
#include <errno.h>
int link(const char *from, const char *to) { errno = ENOSYS; return -1; }
int linkat(int a, const char *from, int b, const char *to, int flags) { errno = ENOSYS; return -1; }
"""
"""As on a volume of a workspace: links are not implemented."""


def without_links(folder: Path) -> dict[str, str]:
    """Return the environment of a process for which no file system has links, where this machine can make one."""
    compiler = shutil.which("cc")
    if compiler is None:
        return {}
    (folder / "no_links.c").write_text(NO_LINKS)
    made = [compiler, "-shared", "-fPIC", "-o", str(folder / "no_links.so"), str(folder / "no_links.c")]
    subprocess.run(made, check=True)
    return {"LD_PRELOAD": str(folder / "no_links.so")}


@pytest.fixture
def classic(workspace, tmp_path):
    """Let tasks find a cluster whose session has Delta and Kafka, and a volume without links."""
    properties = {**PROPERTIES, **ON_THIS_MACHINE, "spark.master": "local[2]", "spark.sql.shuffle.partitions": "2"}
    folder = tmp_path / "conf"
    folder.mkdir()
    lines = [f"{name} {value}\n" for name, value in properties.items()]
    (folder / "spark-defaults.conf").write_text("".join(lines))
    workspace.cluster = {"SPARK_CONF_DIR": str(folder), "PYSPARK_PYTHON": sys.executable, **without_links(tmp_path)}
    return '{"spark_version": "17.3.x-scala2.13", "node_type_id": "i3.xlarge", "num_workers": 1}'


def rows(lake: Path, table: str) -> list[str]:
    """Return the rows of a table without what differs by the moment, in an order of their own."""
    left_out = {"ingested_at", "ingested_date"}
    found = DeltaTable(str(lake / "user_interactions" / table)).to_pyarrow_table().to_pylist()
    return sorted(repr({name: row[name] for name in sorted(row) if name not in left_out}) for row in found)


def told(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, object]]:
    """Return what each materialization says, without places, sizes and the job that made it."""
    left_out = {"Databricks Job Run ID", "Databricks Job Run URL", "size_bytes", "files", "table_version"}
    events = [event.materialization for event in result.get_asset_materialization_events()]
    return {
        "/".join(each.asset_key.path[1:]): {
            **{name: str(value) for name, value in each.metadata.items() if name not in left_out},
            **{name: value for name, value in (each.tags or {}).items() if name == "dagster/code_version"},
        }
        for each in events
    }


def checked(result: dg.ExecuteInProcessResult) -> set[tuple[object, ...]]:
    return {
        (each.check_name, each.passed, each.severity, each.description) for each in result.get_asset_check_evaluations()
    }


def embedded(remote):
    """Return the same source, filled by the embedded engine beside the other."""
    home = remote.settings.home.with_name("embedded")
    servers = remote.settings.kafka_bootstrap_servers
    settings = load_settings(home=home, kafka_bootstrap_servers=servers, pseudonym_key=KEY)
    return replace(remote, settings=settings, instance=dg.DagsterInstance.ephemeral(tempdir=str(home.parent)))


@pytest.mark.parametrize("compute", ["serverless", "classic"])
def test_jobs_fill_the_same_tables(compute, remote, workspace, interaction, request):
    """Jobs on either kind of compute make the tables of the embedded engine, and Dagster is told the same of them."""
    chosen = load_settings(databricks_compute=request.getfixturevalue(compute)).databricks_compute
    remote.settings = remote.settings.model_copy(update={"databricks_compute": chosen})
    here = embedded(remote)
    events = [interaction(number) for number in range(200)]
    remote.publish(*events, *events[:6], *MALFORMED)
    done, expected = remote.refresh(), here.refresh()
    assert [event.message for event in done.all_events if event.is_step_failure] == []
    assert told(done) == told(expected)
    assert checked(done) == checked(expected)
    for table in TABLES:
        assert rows(workspace.volume / "lake", table) == rows(here.settings.lake_path, table), table
    assert len(rows(workspace.volume / "lake", "silver")) == 200
    assert {run.result_state for run in workspace.runs.values()} == {"SUCCESS"}
    everything = json.dumps([run.request for run in workspace.runs.values()]) + "".join(
        run.output for run in workspace.runs.values()
    )
    assert KEY not in everything
    if compute == "classic":
        assert [name for name, check in remote.verify().items() if not check.passed] == []
