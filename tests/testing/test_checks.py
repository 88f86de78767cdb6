"""Each check passes a source that conforms, and refuses one that is wrong in just that."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from streaming_assets.contract import Array, Chart, Event, Field, GoldTable, Rule, ScalarType, SilverTable, Struct
from streaming_assets.errors import NotConforming, PluginError
from streaming_assets.layers.findings import NAME_THE_KEYS
from streaming_assets.testing.checks.bad_records import check_bad_records
from streaming_assets.testing.checks.charts import check_charts
from streaming_assets.testing.checks.engines import check_spark
from streaming_assets.testing.checks.keys import check_keys
from streaming_assets.testing.checks.order import check_order
from streaming_assets.testing.checks.producer import check_producer
from streaming_assets.testing.checks.pseudonyms import check_pseudonyms
from streaming_assets.testing.checks.recompute import check_recompute
from streaming_assets.testing.checks.round_trip import check_round_trip
from streaming_assets.testing.checks.tables import check_tables

TABLE_CHECKS = (
    check_producer,
    check_tables,
    check_order,
    check_bad_records,
    check_recompute,
    check_keys,
    check_charts,
    check_pseudonyms,
)


def by_function(function, *columns: Field) -> SilverTable:
    """Silver by a function."""
    return SilverTable(function=function, columns=columns)


def plain(events: pa.Table) -> pa.Table:
    """What the SQL of the source that conforms gives."""
    return events.select(["shop", "buyer", "cents"])


COLUMNS = (
    Field(name="shop", type=ScalarType.STRING),
    Field(name="buyer", type=ScalarType.STRING),
    Field(name="cents", type=ScalarType.LONG, required=False),
)


def nulls_of(given: pa.DataType, *, declared) -> SilverTable:
    """Silver by a function that gives one column, `other`, another type than is declared."""

    def function(events):
        return events.select(["shop", "buyer"]).append_column("other", pa.nulls(events.num_rows).cast(given))

    return by_function(function, *COLUMNS[:2], Field(name="other", type=declared, required=False))


@pytest.mark.parametrize("check", TABLE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("silver", [None, by_function(plain, *COLUMNS)], ids=["sql", "function"])
def test_a_source_that_conforms_passes(subject_of, check, silver):
    """No check refuses a source that keeps to the contract, whether Silver is SQL or a function."""
    assert check(subject_of(silver=silver) if silver else subject_of()) is None


def test_a_function_of_other_types_is_refused(subject_of):
    """A Silver function that gives fractions for a column of whole numbers is refused, as a cast would round them."""

    def halved(events):
        return plain(events).set_column(2, "cents", pc.divide(pc.cast(events["cents"], pa.float64()), 2.0))

    with pytest.raises(NotConforming, match="cents is double instead of int64"):
        check_tables(subject_of(silver=by_function(halved, *COLUMNS)))


def test_a_function_may_give_types_that_the_declared_ones_hold(subject_of):
    """What polars and numpy give - large texts, dictionaries, narrow numbers, nothing but nulls - loses no value."""

    def others(events):
        shops, buyers = events["shop"].combine_chunks().dictionary_encode(), pc.cast(events["buyer"], pa.large_string())
        return pa.table({"shop": shops, "buyer": buyers, "cents": pc.cast(events["cents"], pa.int32())})

    assert check_tables(subject_of(silver=by_function(others, *COLUMNS))) is None
    nulls = by_function(lambda events: plain(events).set_column(2, "cents", pa.nulls(events.num_rows)), *COLUMNS)
    assert check_tables(subject_of(silver=nulls)) is None


@pytest.mark.parametrize(
    ("column", "given"),
    [
        (Array(items=ScalarType.STRING), pa.large_list(pa.large_string())),
        (Array(items=Struct(fields=(Field(name="n", type=ScalarType.LONG),))), pa.list_(pa.struct({"n": pa.int8()}))),
        (ScalarType.TIMESTAMP, pa.timestamp("s", "UTC")),
        (ScalarType.TIMESTAMP, pa.timestamp("us", "+00:00")),
        (ScalarType.DOUBLE, pa.int32()),
    ],
    ids=str,
)
def test_types_without_a_loss_are_let_through(subject_of, column, given):
    """Types whose values the declared one has all of, also inside of lists and structs, are no fault."""
    assert check_tables(subject_of(silver=nulls_of(given, declared=column))) is None


@pytest.mark.parametrize(
    ("column", "given"),
    [
        (Array(items=ScalarType.LONG), pa.list_(pa.float64())),
        (Struct(fields=(Field(name="n", type=ScalarType.LONG),)), pa.struct({"n": pa.float64()})),
        (ScalarType.TIMESTAMP, pa.timestamp("ns", "UTC")),
        (ScalarType.TIMESTAMP, pa.timestamp("us", "Asia/Tokyo")),
        (ScalarType.DOUBLE, pa.int64()),
    ],
    ids=str,
)
def test_types_that_lose_values_are_refused(subject_of, column, given):
    """Types of which a cast would round or cut values are refused, also inside of lists and structs."""
    with pytest.raises(NotConforming, match="does not give the declared columns"):
        check_tables(subject_of(silver=nulls_of(given, declared=column)))


def test_a_function_gets_pseudonyms(subject_of):
    """A Silver function that relies on a pseudonym's form is given that, as in a refresh."""

    def numbered(events):
        numbers = pa.array([int(text[:8], 16) for text in events["buyer"].to_pylist()], pa.int64())
        return plain(events).set_column(2, "cents", numbers)

    assert check_tables(subject_of(silver=by_function(numbered, *COLUMNS))) is None


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (lambda events: plain(events) if max(events["shop"].to_pylist()) else None, "ValueError for no event"),
        (lambda events: pa.Table.from_pylist(plain(events).to_pylist()), "KeyError for no event"),
    ],
    ids=["raises", "no columns"],
)
def test_a_function_that_fails_on_no_event_is_refused(subject_of, function, found):
    """A Silver function that can't take a table without rows is refused by a sentence, not by its exception."""
    with pytest.raises(NotConforming, match="does not give the declared columns") as caught:
        check_tables(subject_of(silver=by_function(function, *COLUMNS)))
    assert found in caught.value.found


def test_silver_that_fails_on_events_that_fit_is_refused(subject_of, shop):
    """An optional field that Silver declares as required is refused, with the event that lacks it."""
    events = [*shop.sales(20), *shop.sales(1, id="the odd one", cents=None)]
    required = replace(shop.source.silver, columns=(*COLUMNS[:2], replace(COLUMNS[2], required=True)))

    with pytest.raises(NotConforming, match="the odd one") as caught:
        check_tables(subject_of(silver=required, producer=shop.giving(events)))
    assert "cents" in caught.value.found


def test_a_function_that_gives_other_rows_is_refused(subject_of):
    """A Silver function that leaves rows out is refused by the error that a refresh would end with."""
    with pytest.raises(PluginError, match="one row for each event"):
        check_tables(subject_of(silver=by_function(lambda events: plain(events).slice(1), *COLUMNS)))


def test_a_gold_table_without_a_row_is_refused(subject_of, shop):
    """A Gold table to which no event leads is refused, as nothing would be tested of it."""
    table = replace(shop.table, sql=shop.table.sql.replace("FROM silver", "FROM silver WHERE cents > 1000000"))

    with pytest.raises(NotConforming, match="no row of sales_per_shop"):
        check_tables(subject_of(gold=(table,)))


@pytest.mark.parametrize("column", ["batch", "`offset`"])
def test_gold_that_depends_on_arrival_is_refused(subject_of, shop, column):
    """A Gold table that shows in which batch or where an event came is refused, with the row and the two values."""
    table = replace(shop.table, sql=shop.table.sql.replace("count(*)", f"max({column})"))

    with pytest.raises(NotConforming, match="sales_per_shop of shop_sales depends on how events come in") as caught:
        check_order(subject_of(gold=(table,)))
    assert "sales is" in caught.value.found


NUMBERS = itertools.count()


@pytest.mark.parametrize(
    ("numbers", "found"),
    [(NUMBERS, "equals_recompute of silver"), ([0], "silver was made by another definition")],
    ids=["in its module", "captured"],
)
def test_silver_that_remembers_is_refused(subject_of, numbers, found):
    """A Silver function that gives other rows when it is asked again is refused, wherever it keeps them."""

    def numbered(events):
        if isinstance(numbers, list):
            numbers[0] += 1
        number = numbers[0] if isinstance(numbers, list) else next(NUMBERS)
        return plain(events).set_column(2, "cents", pa.array([number] * events.num_rows, pa.int64()))

    with pytest.raises(NotConforming, match="a computation from scratch") as caught:
        check_recompute(subject_of(silver=by_function(numbered, *COLUMNS)))
    assert found in caught.value.found


def test_a_function_that_fails_on_what_may_be_missing_is_refused(subject_of):
    """A Silver function that only fails where an optional field is missing is refused, though each event had it."""

    def strict(events):
        if events["cents"].null_count:
            raise ValueError("no cents")
        return plain(events)

    subject = subject_of(silver=by_function(strict, *COLUMNS))
    assert check_tables(subject) is None
    with pytest.raises(NotConforming, match="no cents"):
        check_bad_records(subject)


@pytest.mark.parametrize(
    ("number", "found"),
    [
        (lambda text: ord(text[0]), "string index out of range"),
        (lambda text: len(text.encode("latin-1")), "'latin-1' codec can't encode"),
        (lambda text: len(text) if len(text) < 2**16 else None, "the required column cents is null"),
    ],
    ids=["empty", "other letters", "long"],
)
def test_a_function_that_fails_on_odd_texts_is_refused(subject_of, number, found):
    """A Silver function that fails on a text that is empty, long or of other letters is refused, with the event."""

    def numbered(events):
        numbers = pa.array([number(text) for text in events["shop"].to_pylist()], pa.int64())
        return plain(events).set_column(2, "cents", numbers)

    silver = by_function(numbered, *COLUMNS[:2], replace(COLUMNS[2], required=True))
    with pytest.raises(NotConforming, match="that fit the schema") as caught:
        check_bad_records(subject_of(silver=silver))
    assert found in caught.value.found


@pytest.mark.parametrize("without_id", [False, True])
def test_rows_that_differ_in_a_null_are_told_apart(subject_of, shop, without_id):
    """A key that is null is another one than the text `None`; events without an id keep their coordinates."""
    events = shop.sales(20, letter=None, shop="north") + shop.sales(30, letter="None", shop="north")[20:]
    letter, sales = Field(name="letter", type=ScalarType.STRING, required=False), shop.table.columns[3]
    schema = shop.source.schema
    if without_id:
        schema = replace(schema, event_id=None, fields=schema.fields[1:])
    subject = subject_of(
        schema=schema,
        producer=shop.giving(events),
        silver=SilverTable(sql="SELECT letter FROM events", columns=(letter,)),
        gold=(
            GoldTable(
                name="letters",
                description="Sales with each letter.",
                sql="SELECT letter, count(*) AS sales FROM silver GROUP BY letter",
                columns=(letter, sales),
                keys=("letter",),
            ),
        ),
    )
    assert check_order(subject) is None
    assert check_keys(subject) is None
    assert {row["letter"]: row["sales"] for row in subject.tables.gold(subject.source.gold[0])} == {
        None: 20,
        "None": 10,
    }


def test_gold_that_can_t_be_computed_of_nothing_is_refused(subject_of, shop):
    """A Gold table that gives a null for a required column where there is no event is refused."""
    whole = GoldTable(
        name="highest",
        description="The highest price.",
        sql="SELECT 'all' AS shop, max(cents) AS sales FROM silver",
        columns=shop.table.columns[2:],
        keys=("shop",),
    )

    with pytest.raises(NotConforming, match="without a single event that fits"):
        check_bad_records(subject_of(gold=(whole,)))


def test_keys_that_do_not_identify_are_refused(subject_of, shop):
    """Keys that leave a column of GROUP BY out are refused, with the key that several rows have."""
    with pytest.raises(NotConforming, match=r"3 rows with window_start=[0-9]{4}-"):
        check_keys(subject_of(gold=(replace(shop.table, keys=("window_start",)),)))


@pytest.mark.parametrize("check", [check_bad_records, check_recompute])
def test_other_checks_tell_of_keys_what_helps(subject_of, shop, check):
    """Where keys that do not identify are all that is wrong, whichever test finds it says to name others."""
    with pytest.raises(NotConforming) as caught:
        check(subject_of(gold=(replace(shop.table, keys=("window_start",)),)))
    assert caught.value.remedy == NAME_THE_KEYS


@pytest.mark.parametrize(
    ("sql", "chart", "found"),
    [
        ("count(*)", {"series": None}, "3 values of sales at"),
        ("CAST(NULL AS BIGINT)", {}, "nothing to draw"),
    ],
    ids=["several values at one place", "nothing"],
)
def test_charts_that_do_not_show_their_table_are_refused(subject_of, shop, sql, chart, found):
    """A chart with several values at one place, and one with none at all, are refused."""
    (bars,) = shop.table.charts
    columns = (*shop.table.columns[:3], replace(shop.table.columns[3], required=False))
    table = replace(
        shop.table, sql=shop.table.sql.replace("count(*)", sql), columns=columns, charts=(replace(bars, **chart),)
    )

    with pytest.raises(NotConforming, match=r"'Sales' of shop_sales\.sales_per_shop") as caught:
        check_charts(subject_of(gold=(table,)))
    assert found in caught.value.found


def test_a_table_is_drawn_though_rows_repeat(subject_of, shop):
    """A chart of the kind `table` may have the same place twice: it shows rows."""
    table = replace(shop.table, charts=(Chart(kind="table", title="Sales", x="shop", y="sales"),))

    assert check_charts(subject_of(gold=(table,))) is None


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("letter", "the text of buyer"),
        ("left(letter, 4)", "a part or a hash of the text of buyer"),
        ("right(letter, 1)", "a part or a hash of the text of buyer"),
        ("sha2(letter, 256)", "a part or a hash of the text of buyer"),
        ("concat(buyer, md5(buyer), left(buyer, 5), CAST(length(letter) AS STRING))", None),
    ],
    ids=["whole", "begin", "end", "hash", "pseudonyms"],
)
@pytest.mark.parametrize("text", ["ada.l@example.org", "To ada.l@example.org, or ada.l@example.org"])
def test_a_pseudonymous_value_in_another_field_is_refused(subject_of, shop, expression, found, text):
    """A name that is pseudonymous in one field and clear in another one is refused in each form, with the column."""
    events = [
        event for number in range(10) for event in shop.sales(1, id=str(number), buyer="ada.l@example.org", letter=text)
    ]
    silver = SilverTable(
        sql=f"SELECT shop, buyer, {expression} AS letter FROM events",
        columns=(*COLUMNS[:2], Field(name="letter", type=ScalarType.STRING, required=False)),
    )
    subject = subject_of(silver=silver, producer=shop.giving(events))
    if found is None:
        assert check_pseudonyms(subject) is None
    else:
        with pytest.raises(NotConforming, match="otherwise than as pseudonyms") as caught:
            check_pseudonyms(subject)
        assert caught.value.found == f"- silver.letter has {found}"


def test_an_equal_value_of_another_field_is_no_trace(subject_of, shop):
    """Where the schema refuses other texts, a value that another field has by its own right is not taken for a leak."""
    schema = replace(shop.source.schema, rules=(Rule(field="buyer", pattern="[0-9]{1,8}"),))
    events = [each for name in "1234" for each in shop.sales(1, id=name, shop=name, buyer=name)]

    assert check_pseudonyms(subject_of(schema=schema, producer=shop.giving(events))) is None


def test_numbers_that_are_none_are_no_trace_of_a_pseudonymous_value(subject_of):
    """A Silver function that gives NaN, which equals nothing, is not taken for one that shows whose data it is."""

    def halves(events):
        return plain(events).set_column(2, "cents", pa.array([float("nan")] * events.num_rows, pa.float64()))

    cents = Field(name="cents", type=ScalarType.DOUBLE)
    subject = subject_of(silver=by_function(halves, *COLUMNS[:2], cents))
    assert check_order(subject) is None
    assert check_pseudonyms(subject) is None


@pytest.mark.broker
@pytest.mark.parametrize(
    ("event", "passes"),
    [
        ({"key": b"k", "headers": (("h", b"1"), ("h", b"2"), ("empty", b""))}, True),
        ({"timestamp": timedelta(milliseconds=1)}, True),
        ({"timestamp": timedelta(microseconds=1)}, False),
    ],
    ids=["key and headers", "a whole millisecond", "a microsecond"],
)
def test_events_that_kafka_would_change_are_refused(subject_of, shop, conformance_broker, event, passes):
    """Keys, headers and whole milliseconds come through; a finer timestamp would be cut, and is refused."""
    begin = shop.begin
    attributes = {**event, "timestamp": begin + event["timestamp"]} if "timestamp" in event else event
    events = [Event(value=each.value, **attributes) for each in shop.sales(5)]
    subject = subject_of(producer=shop.giving(events))
    if passes:
        assert check_round_trip(subject, conformance_broker) is None
    else:
        with pytest.raises(NotConforming, match="do not come to Bronze"):
            check_round_trip(subject, conformance_broker)


def in_spark() -> bool:
    """Tell whether this is a Python worker of Spark's."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec is not None and spec.name.startswith("pyspark")


@pytest.mark.spark
@pytest.mark.usefixtures("spark_settings")
@pytest.mark.parametrize("conforms", [True, False])
def test_spark_s_rows_are_compared(subject_of, conforms):
    """A Silver function that gives other values in Spark's workers is refused, and one that gives the same passes."""

    def telling(events):
        shops = [f"{shop} in Spark" if in_spark() and not conforms else shop for shop in events["shop"].to_pylist()]
        return plain(events).set_column(0, "shop", pa.array(shops, pa.string()))

    subject = subject_of(silver=by_function(telling, *COLUMNS))
    if conforms:
        assert check_spark(subject) is None
    else:
        with pytest.raises(NotConforming, match="Silver of shop_sales has other rows by Spark"):
            check_spark(subject)
