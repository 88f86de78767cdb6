"""Fixtures for tests on hand-made Bronze tables, and on topics."""

from tests.support.kafka import produce_with_headers
from tests.support.lab import make_lab, make_source, new_lab

__all__ = ["make_lab", "make_source", "new_lab", "produce_with_headers"]
