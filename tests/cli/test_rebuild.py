"""A changed plugin on the command line: what tells that tables are outdated, and what rebuilds them."""

from __future__ import annotations

import json
import time

import pytest

pytestmark = pytest.mark.broker

PLUGIN = """
from streaming_assets import EventSchema, EventSource, Field, GoldTable, ScalarType, SilverTable, Topic, hookimpl


@hookimpl
def register_event_source():
    return EventSource(
        name="orders",
        title="Orders",
        description="What the shops sell.",
        topic=Topic(name="TOPIC"),
        schema=EventSchema(
            fields=(
                Field(name="id", type=ScalarType.STRING),
                Field(name="at", type=ScalarType.TIMESTAMP),
                Field(name="shop", type=ScalarType.STRING),
            ),
            event_id="id",
            event_time="at",
        ),
        producer=lambda options: None,
        silver=SilverTable(
            description="The orders.",
            sql="SELECT shop FROM events",
            columns=(Field(name="shop", type=ScalarType.STRING),),
        ),
        gold=(
            GoldTable(
                name="orders_per_shop",
                description="Orders of each shop.",
                sql="SELECT shop, count(*) AS orders FROM silver GROUP BY shop",
                columns=(Field(name="shop", type=ScalarType.STRING), Field(name="orders", type=ScalarType.LONG)),
                keys=("shop",),
            ),
        ),
    )
"""
LOUD = ("SELECT shop FROM events", "SELECT concat(shop, '!') AS shop FROM events")
RENAMED = [
    ("SELECT shop FROM events", "SELECT shop AS place FROM events"),
    ('columns=(Field(name="shop", type=ScalarType.STRING),)', 'columns=(Field(name="place", type=ScalarType.STRING),)'),
    ("SELECT shop, count(*)", "SELECT place AS shop, count(*)"),
    ("GROUP BY shop", "GROUP BY place"),
]
ORDERS = [
    b'{"id": "%d", "at": "2026-01-01T12:00:00Z", "shop": "%s"}' % (n, b"north" if n % 3 else b"South") for n in range(9)
]


@pytest.fixture(scope="module")
def ordered(filled_once, topic_factory):
    """The command line with nine orders in the tables, three of them of the shop `South`."""
    filled_once.install("orders", PLUGIN.replace("TOPIC", topic_factory().name))
    recorded = filled_once.folder / "recorded.ndjson"
    recorded.write_bytes(b"\n".join([*ORDERS, b"rubbish"]))
    filled_once.ok("produce", "orders", "--replay", recorded)
    filled_once.ok("refresh", "orders")
    return filled_once


@pytest.fixture
def shop(ordered, copy_of):
    """The same with a plugin and tables of its own."""
    return copy_of(ordered)


def change(line, *replacements):
    """Change the installed plugin."""
    module = line.folder / "site" / "plugin_orders.py"
    code = module.read_text("utf-8")
    for old, new in replacements:
        assert old in code
        code = code.replace(old, new)
    module.write_text(code, "utf-8")


def outdated(line):
    return [state["table"] for state in line.json("tables", "orders") if state["outdated"]]


def shops(line):
    return {row["shop"]: row["orders"] for row in line.rows("orders/gold/orders_per_shop")}


def told(done):
    return " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.long
def test_other_words_outdate_nothing(shop):
    """A plugin with another description is told of nowhere, and a refresh has nothing to do."""
    change(shop, ("The orders.", "All orders."), ("SELECT shop FROM events", "select  shop from events -- each"))
    assert outdated(shop) == []
    assert shop.run("tables", "orders").stderr == ""
    assert shop.json("refresh", "orders")[0]["commits"] == 0


@pytest.mark.long
def test_a_changed_query_is_told_until_the_rebuild(shop):
    """`tables` and `refresh` tell of outdated tables and the command to run; after it nothing is told any more."""
    change(shop, LOUD)
    both = ["orders.silver", "orders.quarantine"]
    assert outdated(shop) == both
    command = "`streaming-assets refresh orders --rebuild silver` rebuilds them"
    assert command in told(shop.run("tables", "orders"))
    assert command in told(shop.run("refresh", "orders"))
    assert shop.json("refresh", "orders")[0]["outdated"] == both
    assert shops(shop) == {"north": 6, "South": 3}

    (summary,) = json.loads(shop.ok("refresh", "orders", "--rebuild", "silver", "--json"))
    assert summary["rebuilt"] == {"silver": 9, "quarantine": 1}
    assert (summary["outdated"], summary["gold"]) == ([], {"orders_per_shop": 2})
    assert shops(shop) == {"north!": 6, "South!": 3}
    assert outdated(shop) == []
    assert command not in told(shop.run("refresh", "orders"))
    assert shop.json("verify", "orders")["passed"] is True


def test_other_columns_stop_the_refresh_until_the_rebuild(shop):
    """A refresh with other Silver columns ends with the command that makes the tables anew, and that does so."""
    change(shop, *RENAMED)
    failed = shop.fails("refresh", "orders")
    assert "DefinitionChanged" in failed
    assert "streaming-assets refresh orders --rebuild silver" in failed
    done = shop.run("refresh", "orders", "--rebuild", "silver")
    assert (done.returncode, "rebuilt, with 9 rows in Silver and 1 in quarantine" in told(done)) == (0, True)
    assert {row["place"] for row in shop.rows("orders/silver")} == {"north", "South"}
    assert shop.json("verify", "orders")["passed"] is True


@pytest.mark.long
def test_a_refresh_waits_for_a_rebuild(shop):
    """While a source is rebuilt another refresh waits for it, and ends with an error once it has waited enough."""
    change(shop, LOUD)
    rebuild = shop.start("refresh", "orders", "--rebuild", "silver", STREAMING_ASSETS_FAULT="rebuild.staged=delay:20")
    while rebuild.poll() is None and not (shop.lake / "orders" / "_rebuild").exists():
        time.sleep(0.05)
    assert "TableBusy" in shop.fails("refresh", "orders", STREAMING_ASSETS_LOCK_TIMEOUT_SECONDS="0")
    waited = shop.json("refresh", "orders")
    rebuild.communicate(timeout=120)
    assert rebuild.returncode == 0
    assert (waited[0]["commits"], waited[0]["outdated"]) == (0, [])
    assert shops(shop) == {"north!": 6, "South!": 3}


@pytest.mark.long
def test_gold_follows_its_definition_and_can_be_rebuilt(shop):
    """A Gold table with another query is told as outdated, and is computed again by the next refresh or a rebuild."""
    change(shop, ("count(*) AS orders", "2 * count(*) AS orders"))
    assert outdated(shop) == ["orders.gold.orders_per_shop"]
    assert "the next refresh computes gold.orders_per_shop again" in told(shop.run("tables", "orders"))
    assert shop.json("refresh", "orders")[0]["gold"] == {"orders_per_shop": 2}
    assert (outdated(shop), shops(shop)) == ([], {"north": 12, "South": 6})
    (summary,) = json.loads(shop.ok("refresh", "orders", "--rebuild", "gold", "--json"))
    assert (summary["gold"], summary["rebuilt"]) == ({"orders_per_shop": 2}, {})


def test_only_silver_and_gold_can_be_rebuilt(offline):
    """Another layer is refused with the two that there are."""
    done = offline.run("refresh", "--rebuild", "bronze")
    expected = "'bronze' is not a layer that can be rebuilt; expected silver or gold"
    assert (done.returncode, expected in told(done)) == (2, True)
