"""Fixtures for the tests of a source; pytest finds them by its entry-point group `pytest11`.

pytest loads this in every project where the framework is installed, so it imports nothing until a fixture is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from streaming_assets.kafka.connection import Connection


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark of tests that start Spark."""
    config.addinivalue_line("markers", "spark: starts Spark, which takes long; `-m 'not spark'` leaves it out")


@pytest.fixture(scope="module")
def producer_options() -> Mapping[str, str]:
    """Options that the producer of a source under test is made with: none, unless a test's module has its own."""
    return {}


@pytest.fixture(scope="session")
def conformance_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A real broker for tests, started when it is first needed; never a cluster that the environment names."""
    from streaming_assets.errors import BrokerError  # noqa: PLC0415 - see above
    from streaming_assets.kafka.broker import connect  # noqa: PLC0415
    from streaming_assets.kafka.java import find_java  # noqa: PLC0415
    from streaming_assets.testing.surroundings import isolated_settings  # noqa: PLC0415

    try:
        find_java()
    except BrokerError as error:
        pytest.skip(error.summary)
    with connect(isolated_settings(tmp_path_factory.mktemp("broker"))) as connection:
        yield connection
