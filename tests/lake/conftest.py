"""Fixtures for tests on hand-made Bronze tables."""

from tests.support.lab import make_lab, make_source, new_lab

__all__ = ["make_lab", "make_source", "new_lab"]
