"""Fixtures for tests on hand-made Bronze tables, from `support/lab.py`, and on topics, from `support/kafka.py`."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType


def _support(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "support" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_LAB, _KAFKA = _support("lab"), _support("kafka")

make_source, new_lab, make_lab = _LAB.make_source, _LAB.new_lab, _LAB.make_lab
produce_with_headers = _KAFKA.produce_with_headers
