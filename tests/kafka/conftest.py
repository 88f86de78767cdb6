"""Fixtures for tests that need more of Kafka than the framework has."""

from tests.support.kafka import produce_with_headers

__all__ = ["produce_with_headers"]
