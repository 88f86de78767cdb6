"""A source that conforms, from which each test makes one that does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streaming_assets.contract import (
    Batch,
    Chart,
    Event,
    EventSchema,
    EventSource,
    Field,
    GoldTable,
    ScalarType,
    SilverTable,
    Topic,
)
from streaming_assets.testing.subject import Subject

BEGIN = datetime(2026, 3, 1, 11, 50, tzinfo=UTC)

COUNT = Field(name="sales", type=ScalarType.LONG)
SHOP = Field(name="shop", type=ScalarType.STRING)
WINDOW = (
    Field(name="window_start", type=ScalarType.TIMESTAMP),
    Field(name="window_end", type=ScalarType.TIMESTAMP),
)


def sale(number: int, **other: Any) -> dict[str, Any]:
    """One sale a minute, by 5 persons in 3 shops."""
    at = BEGIN + number * timedelta(minutes=1)
    return {
        "id": f"sale-{number}",
        "at": at.isoformat(),
        "shop": f"shop-{number % 3}",
        "buyer": f"buyer-{number % 5}@example.org",
        "cents": 100 + number,
        **other,
    }


def sales(count: int = 60, **other: Any) -> list[Event]:
    """Sales as a producer gives them."""
    return [Event(value=json.dumps(sale(number, **other)).encode()) for number in range(count)]


class Giving:
    """A producer that has everything at once."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = iter(batches)

    def next_batch(self) -> Batch:
        return next(self._batches)

    def close(self) -> None:
        pass


def giving(events: Sequence[Event]) -> Callable[[Mapping[str, str]], Giving]:
    """Make the factory of a producer of some events."""
    return lambda _options: Giving([Batch(events=events, poll_after=None)])


SALES_PER_SHOP = GoldTable(
    name="sales_per_shop",
    description="Sales of each shop by hour.",
    window="1 hour",
    sql="SELECT window_start, window_end, shop, count(*) AS sales FROM silver GROUP BY window_start, window_end, shop",
    columns=(*WINDOW, SHOP, COUNT),
    keys=("window_start", "shop"),
    charts=(Chart(kind="bar", title="Sales", x="window_start", y="sales", series="shop"),),
)

SOURCE = EventSource(
    name="shop_sales",
    title="Sales",
    description="What shops sell.",
    topic=Topic(name="shop_sales", key="shop"),
    schema=EventSchema(
        fields=(
            Field(name="id", type=ScalarType.STRING),
            Field(name="at", type=ScalarType.TIMESTAMP),
            SHOP,
            Field(name="buyer", type=ScalarType.STRING),
            Field(name="cents", type=ScalarType.LONG, required=False),
            Field(name="letter", type=ScalarType.STRING, required=False),
        ),
        event_id="id",
        event_time="at",
        pseudonymous=("buyer",),
    ),
    producer=giving(sales()),
    silver=SilverTable(
        sql="SELECT shop, buyer, cents FROM events",
        columns=(
            SHOP,
            Field(name="buyer", type=ScalarType.STRING),
            Field(name="cents", type=ScalarType.LONG, required=False),
        ),
    ),
    gold=(SALES_PER_SHOP,),
)


@pytest.fixture
def subject_of(tmp_path):
    """Makes what the checks look at: the source that conforms, with other attributes."""

    def make(**changes: Any) -> Subject:
        return Subject(replace(SOURCE, **changes), {}, tmp_path)

    return make


@pytest.fixture
def shop():
    """The parts that tests change: the source, its Gold table, events and a factory for them."""

    class Shop:
        source, table, begin = SOURCE, SALES_PER_SHOP, BEGIN

    Shop.sales, Shop.giving, Shop.sale = staticmethod(sales), staticmethod(giving), staticmethod(sale)
    return Shop
