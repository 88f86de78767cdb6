"""Fixtures for tests on hand-made Bronze tables, from `support/lab.py`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

_SPEC = importlib.util.spec_from_file_location("lab", Path(__file__).parents[1] / "support" / "lab.py")
_LAB = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_LAB)

make_source, new_lab, make_lab = _LAB.make_source, _LAB.new_lab, _LAB.make_lab
