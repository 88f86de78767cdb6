"""Fixtures for tests of the benchmarks, which are scripts and no package."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("lab", Path(__file__).parents[1] / "support" / "lab.py")
_LAB = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_LAB)

make_source, new_lab, make_lab = _LAB.make_source, _LAB.new_lab, _LAB.make_lab


@pytest.fixture
def benchmark_module(monkeypatch):
    """Imports a module of the benchmarks by its name."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    return importlib.import_module
