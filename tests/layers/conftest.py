"""Fixtures for tests on hand-made Bronze tables, and on topics."""

from tests.support.kafka import kafka, kafka_of, own_broker, slow_proxy
from tests.support.lab import make_lab, make_source, new_lab

__all__ = ["kafka", "kafka_of", "make_lab", "make_source", "new_lab", "own_broker", "slow_proxy"]
