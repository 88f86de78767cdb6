"""Whether a record fits its source's schema: the one implementation that decides, for every engine.

An engine may accept records that surely fit by a faster native check. What that check does not accept
comes here, and what is said here holds: reason, JSON path and detail stand in the quarantine table.
"""

from __future__ import annotations

from streaming_assets.fitting.fitter import CLOCK_TOLERANCE, Fitter, shown_detail
from streaming_assets.fitting.paths import is_required, lookup
from streaming_assets.fitting.reading import MAX_DEPTH
from streaming_assets.fitting.times import TIMESTAMP_PATTERN
from streaming_assets.fitting.verdicts import Fit, Misfit, Reason

__all__ = [
    "CLOCK_TOLERANCE",
    "MAX_DEPTH",
    "TIMESTAMP_PATTERN",
    "Fit",
    "Fitter",
    "Misfit",
    "Reason",
    "is_required",
    "lookup",
    "shown_detail",
]
