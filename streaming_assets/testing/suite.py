"""The checks as a class of tests, which a plugin's test file names in one line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import ClassVar

import pytest

from streaming_assets.errors import StreamingAssetsError
from streaming_assets.kafka.connection import Connection
from streaming_assets.testing.checks.bad_records import check_bad_records
from streaming_assets.testing.checks.charts import check_charts
from streaming_assets.testing.checks.definition import Loaded, check_chart_columns, check_definition, check_sql, load
from streaming_assets.testing.checks.engines import check_spark
from streaming_assets.testing.checks.keys import check_keys
from streaming_assets.testing.checks.killing import check_kills
from streaming_assets.testing.checks.order import check_order
from streaming_assets.testing.checks.producer import check_producer
from streaming_assets.testing.checks.pseudonyms import check_pseudonyms
from streaming_assets.testing.checks.recompute import check_recompute
from streaming_assets.testing.checks.round_trip import check_round_trip
from streaming_assets.testing.checks.tables import check_tables
from streaming_assets.testing.subject import Subject


def conformance(name: str) -> type[Conformance]:
    """Return the tests that every source must pass, for one that is installed.

    A plugin's core test is one line:

        TestConformance = conformance("orders")

    They need no table and no cluster of yours, and touch none: events come from the plugin's own producer, made with
    the options of the fixture `producer_options`, go through a broker that the tests start, and into tables in a
    temporary folder. Whatever `STREAMING_ASSETS_*` variables say is left aside.

    Args:
        name: Name of the source.
    """
    return type("Conformance", (Conformance,), {"name": name})


class Conformance:
    """What must hold of every source."""

    name: ClassVar[str]
    """Name of the source."""

    @pytest.fixture(scope="class")
    @classmethod
    def loaded(cls) -> Loaded:
        """Load the plugin."""
        return load(cls.name)

    @pytest.fixture(scope="class")
    @classmethod
    def made(cls) -> list[Subject]:
        """Keep the source between tests, so that its producer is asked once, by the first of them."""
        return []

    @pytest.fixture
    @classmethod
    def producing(
        cls,
        loaded: Loaded,
        made: list[Subject],
        producer_options: Mapping[str, str],
        tmp_path_factory: pytest.TempPathFactory,
    ) -> Subject:
        """Give the source; its producer was not asked for events yet.

        It is made for each test, as `producer_options` may be.
        """
        if loaded.source is None:
            pytest.skip("the definition has faults, told by another test")
        if not made:
            made.append(Subject(loaded.source, producer_options, tmp_path_factory.mktemp(cls.name)))
        return made[0]

    @pytest.fixture
    @classmethod
    def subject(cls, producing: Subject) -> Subject:
        """Give the source with events that fit."""
        if not producing.arrivals:
            pytest.skip("the producer gives no events that fit, told by test_producer_never_waits")
        return producing

    @pytest.fixture
    @classmethod
    def filled(cls, subject: Subject) -> Subject:
        """Give the source with tables."""
        try:
            subject.tables.silver()
        except StreamingAssetsError:
            pytest.skip("the tables can't be filled, told by test_tables_are_as_declared")
        return subject

    def test_definition_has_no_fault(self, loaded: Loaded) -> None:
        """The plugin is installed and loads, and its definition has no fault."""
        with _told():
            check_definition(loaded)

    def test_sql_is_portable(self, loaded: Loaded) -> None:
        """The SQL means the same to every engine."""
        with _told():
            check_sql(loaded)

    def test_chart_columns_exist(self, loaded: Loaded) -> None:
        """Charts name columns that their tables have."""
        with _told():
            check_chart_columns(loaded)

    def test_producer_never_waits(self, producing: Subject) -> None:
        """The producer gives events that fit, and neither sleeps nor blocks."""
        with _told():
            check_producer(producing)

    def test_events_round_trip(self, subject: Subject, conformance_broker: Connection) -> None:
        """Events come through Kafka to Bronze as the producer gave them."""
        with _told():
            check_round_trip(subject, conformance_broker)

    def test_tables_are_as_declared(self, subject: Subject) -> None:
        """Silver has a row for each event that fits, Gold has some, and the columns are the declared ones."""
        with _told():
            check_tables(subject)

    def test_any_order_gives_the_same_rows(self, filled: Subject) -> None:
        """Shuffled, repeated and late events give the same Silver and Gold."""
        with _told():
            check_order(filled)

    def test_bad_records_cost_themselves_only(self, filled: Subject) -> None:
        """No records, records that are no events, and changed events cost no other record anything."""
        with _told():
            check_bad_records(filled)

    def test_incremental_equals_recomputed(self, filled: Subject) -> None:
        """What is computed batch by batch is what is computed at once."""
        with _told():
            check_recompute(filled)

    def test_gold_keys_are_unique(self, filled: Subject) -> None:
        """The keys of a Gold table identify its rows."""
        with _told():
            check_keys(filled)

    def test_charts_show_their_tables(self, filled: Subject) -> None:
        """Each chart has something to draw, and one value at each place."""
        with _told():
            check_charts(filled)

    def test_pseudonymous_values_stay_hidden(self, filled: Subject) -> None:
        """No value of a pseudonymous field is in Silver or Gold as it came."""
        if not filled.source.schema.pseudonymous:
            pytest.skip("the schema names no pseudonymous field")
        with _told():
            check_pseudonyms(filled)

    def test_kills_cost_nothing(self, filled: Subject, conformance_broker: Connection) -> None:
        """Refreshes that are killed by SIGKILL at several moments lose nothing and double nothing."""
        with _told():
            check_kills(filled, conformance_broker)

    @pytest.mark.spark
    @pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # PySpark leaves its own to Python
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_spark_gives_the_same_rows(self, filled: Subject) -> None:
        """Engine `spark` gives the same Silver and Gold as the embedded engine."""
        if find_spec("pyspark") is None:
            pytest.skip("PySpark is not installed: pip install 'streaming-assets[spark]'")
        if shutil.which("java") is None:
            pytest.skip("Spark needs Java 17: there is no `java`")
        with _told():
            check_spark(filled)


@contextmanager
def _told() -> Iterator[None]:
    """Let a test fail with the text of an error alone: how the check came to it is not what its reader looks for."""
    try:
        yield
    except StreamingAssetsError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
