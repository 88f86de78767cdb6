"""Fixtures for tests that refine and aggregate hand-made Bronze."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("lab", Path(__file__).parents[1] / "support" / "lab.py")
_LAB = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_LAB)


@pytest.fixture(scope="session")
def make_source():
    """Makes a source: `make_source(fields, silver=…, gold=…)`."""
    return _LAB.make_source


@pytest.fixture
def make_lab(tmp_path):
    """Makes a lab, with the source of `make_source` unless another one is given; closes its engine at the end."""
    made = []

    def make(source=None, *, home=tmp_path, **settings):
        made.append(_LAB.Lab(home, source or _LAB.make_source(), **settings))
        return made[-1]

    yield make
    for lab in made:
        lab.engine.close()


@pytest.fixture(scope="session")
def new_lab():
    """Makes a lab that its user closes: `new_lab(source, home)`."""
    return lambda source, home: _LAB.Lab(home, source)
