from __future__ import annotations

from streaming_assets.testing import conformance

TestConformance = conformance("bike_hire")
