"""The tests of a source as its author runs them: pytest in a process of its own, over a plugin that is installed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from streaming_assets.testing import Conformance

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
(PLUGIN,) = (block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "@hookimpl" in block)

pytestmark = pytest.mark.long

SILVER = 'sql="SELECT shop, cents FROM events",'


@pytest.fixture
def run(offline):
    """Installs the plugin of README with some texts replaced, and runs its one-line test; returns the output."""

    def run(replaced: Mapping[str, str], *arguments: str, name: str = "orders", **variables: str) -> str:
        code = PLUGIN
        for text, other in replaced.items():
            assert text in code
            code = code.replace(text, other)
        offline.install("orders", code)
        line = f'from streaming_assets.testing import conformance\n\nTestConformance = conformance("{name}")\n'
        (offline.folder / "test_orders.py").write_text(line, "utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-v", "-ra", "-m", "not spark", "-p", "no:cacheprovider", *arguments],
            cwd=offline.folder,
            env={**offline.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        return done.stdout + done.stderr

    return run


def outcomes(output: str) -> dict[str, str]:
    """Return what became of each test, by its name without `test_`."""
    return dict(re.findall(r"::test_(\w+) (PASSED|FAILED|SKIPPED|ERROR)", output))


TOGETHER = (
    "any_order_gives_the_same_rows",
    "bad_records_cost_themselves_only",
    "charts_show_their_tables",
    "events_round_trip",
    "gold_keys_are_unique",
    "incremental_equals_recomputed",
    "kills_cost_nothing",
    "pseudonymous_values_stay_hidden",
    "tables_are_as_declared",
)
ALONE = ("chart_columns_exist", "definition_has_no_fault", "producer_never_waits", "sql_is_portable")


def expected(*failed: str, skipped: tuple[str, ...] = ()) -> dict[str, str]:
    """What becomes of each test where some fail and some are skipped."""
    words = {**dict.fromkeys(skipped, "SKIPPED"), **dict.fromkeys(failed, "FAILED")}
    return {name: words.get(name, "PASSED") for name in (*ALONE, *TOGETHER)}


@pytest.mark.broker
def test_a_source_that_conforms_passes_and_touches_nothing_else(run, offline):
    """The source of README passes each test, and neither the cluster, the lake nor the home of a person is used."""
    elsewhere = offline.folder / "elsewhere"
    (offline.folder / ".env").write_text(f"STREAMING_ASSETS_LAKE={elsewhere}\n", "utf-8")
    output = run(
        {},
        STREAMING_ASSETS_HOME=str(elsewhere),
        STREAMING_ASSETS_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1",
        STREAMING_ASSETS_ENGINE="databricks",
    )
    assert outcomes(output) == expected(skipped=("pseudonymous_values_stay_hidden",))
    assert "the schema names no pseudonymous field" in output
    assert not elsewhere.exists()
    assert not offline.home.exists()


@pytest.mark.parametrize(
    ("text", "other", "failed", "found"),
    [
        ('event_time="at"', 'event_time="tat"', "definition_has_no_fault", "found the unknown field 'tat'"),
        ("SELECT shop, cents", "SELECT lower(shop) AS shop, cents", "sql_is_portable", "silver.sql: found"),
        ('y="orders"', 'y="ordres"', "chart_columns_exist", "gold.sales_per_shop.charts"),
    ],
    ids=["definition", "sql", "chart"],
)
def test_a_fault_of_the_definition_is_told_once(run, text, other, failed, found):
    """A fault fails the one test that is about it, by its text alone; tests that need a source are skipped."""
    output = run({text: other})
    assert outcomes(output) == expected(failed, skipped=(*TOGETHER, "producer_never_waits"))
    assert found in output
    assert "Traceback" not in output
    assert "another exception" not in output


def test_a_source_that_is_not_installed_is_told(run):
    """A name that no plugin has fails one test, which offers the nearest name."""
    output = run({}, name="ordres")
    assert outcomes(output) == expected("definition_has_no_fault", skipped=(*TOGETHER, "producer_never_waits"))
    assert "did you mean 'orders'?" in output


def test_without_events_there_is_nothing_to_test(run):
    """A producer that gives nothing fails its own test, and those that need events are skipped and say so."""
    output = run({"for number in (1, 2)": "for number in ()"})
    assert outcomes(output) == expected("producer_never_waits", skipped=TOGETHER)
    assert "producer_options" in output


@pytest.mark.parametrize("scope", ['(scope="module")', "", '(scope="session")'], ids=["module", "function", "session"])
def test_options_reach_the_producer(run, offline, scope):
    """A fixture `producer_options` in the test's project, whatever its scope, is what the producer is made with."""
    fixture = f'import pytest\n\n\n@pytest.fixture{scope}\ndef producer_options():\n    return {{"key": "given"}}\n'
    (offline.folder / "conftest.py").write_text(fixture, "utf-8")
    demanding = 'def produce(options: Mapping[str, str]) -> Producer:\n    assert options == {"key": "given"}\n'
    output = run({"def produce(options: Mapping[str, str]) -> Producer:\n": demanding}, "-k", "producer or keys")
    assert outcomes(output) == {"producer_never_waits": "PASSED", "gold_keys_are_unique": "PASSED"}


@pytest.mark.broker
def test_a_transform_with_a_state_fails_after_a_kill(run):
    """A Silver function that leaves a file, and fails where it finds one, passes all but the test that kills."""
    function = '''
def silver(events):
    """Fail where a process that ended was at work."""
    from pathlib import Path

    mark = Path("at-work")
    if mark.exists() and mark.read_text() != str(__import__("os").getpid()):
        raise ValueError("another process was at work")
    mark.write_text(str(__import__("os").getpid()))
    return events.select(["shop", "cents"])


@hookimpl'''
    output = run({SILVER: "function=silver,", "\n@hookimpl": function})
    assert outcomes(output) == expected("kills_cost_nothing", skipped=("pseudonymous_values_stay_hidden",))
    assert "After 4 kills, tables of orders are wrong." in output


def test_the_readme_names_every_test():
    """README's table has each test of the kit, and no other."""
    table = README.split("| test | what must hold |")[1].split("\n\n")[0]
    named = re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in table.splitlines()[2:]))
    assert sorted(named) == sorted(name[5:] for name in vars(Conformance) if name.startswith("test_"))
