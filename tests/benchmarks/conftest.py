"""Fixtures for tests of the benchmarks, which are scripts and no package."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tests.support.lab import make_lab, make_source, new_lab

__all__ = ["benchmark_module", "make_lab", "make_source", "new_lab"]


@pytest.fixture
def benchmark_module(monkeypatch):
    """Imports a module of the benchmarks by its name."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    return importlib.import_module
