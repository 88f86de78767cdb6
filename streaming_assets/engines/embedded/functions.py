"""Calls of a plugin's Silver function."""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from streaming_assets.contract import EventSource
from streaming_assets.errors import PluginError
from streaming_assets.isolation import Apart, Hung, kept_state


def call_function(source: EventSource, events: pa.Table, limit: float) -> object:
    """Return what the function makes of events.

    It runs in a thread of the source's own, so that Ctrl-C ends the wait for it. What it prints goes to standard error,
    and what it changes of the process is put back.

    Args:
        source: The source.
        events: What the function is given.
        limit: Seconds that it may take.

    Raises:
        PluginError: It took longer.
        Exception: Whatever it raised; `Escaped` in place of what would end the process.
    """
    function = source.silver.function
    if function is None:
        return events
    thread = _thread(source.name, getattr(function, "__module__", None) or "")
    try:
        with kept_state():
            return thread.call(lambda: function(events), limit=limit)
    except Hung as error:
        raise PluginError(
            f"The Silver function of {source.name} did not come back.",
            found=f"{error}, for {events.num_rows:,} events",
            meaning="nothing was written; Bronze has every record",
            remedy=f"fix the function, set STREAMING_ASSETS_DISABLED_PLUGINS={source.name}, or give it more time by "
            "STREAMING_ASSETS_FUNCTION_TIMEOUT_SECONDS",
        ) from None


@cache
def _thread(source: str, module: str) -> Apart:
    return Apart(f"the Silver function of {source}", module)
