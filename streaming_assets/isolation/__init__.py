"""Code of plugins apart from all else: in threads that may be left behind, with what it changes put back."""

from __future__ import annotations

from streaming_assets.isolation.apart import Apart, Escaped, Hung, Stopped, described, text_of
from streaming_assets.isolation.process_state import keep_shared, kept_state

__all__ = ["Apart", "Escaped", "Hung", "Stopped", "described", "keep_shared", "kept_state", "text_of"]
