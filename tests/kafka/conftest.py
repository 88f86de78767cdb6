"""Fixtures for tests that need more of Kafka than the framework has, from `support/kafka.py`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

_SPEC = importlib.util.spec_from_file_location("kafka", Path(__file__).parents[1] / "support" / "kafka.py")
_KAFKA = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_KAFKA)

produce_with_headers = _KAFKA.produce_with_headers
