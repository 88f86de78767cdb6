"""A source's producer apart from all else: it may hang, exit or print, and no other source notices."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar

from streaming_assets.contract import Batch, EventSource, Producer
from streaming_assets.errors import PluginError, StreamingAssetsError
from streaming_assets.isolation import Apart, Hung, Stopped, described, keep_shared

_CLOSE_SECONDS = 10.0
"""How long a producer may take to close."""

T = TypeVar("T")


class PluginProducer:
    """Makes the producer of a plugin and calls it, in a thread of its own; what it changes of the process is put back.

    Once `stop` is set it has no more events, so that Ctrl-C ends the wait for a producer that does not come back.
    """

    def __init__(
        self,
        source: EventSource,
        options: Mapping[str, str],
        *,
        stop: threading.Event | None = None,
        limit: float | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """Remember how it is made, and how the process is before.

        Args:
            source: The source.
            options: Its options.
            stop: Ends every wait.
            limit: Seconds that a call may take; None waits until `stop` is set.
            tell: Told once if a call takes long, and where it is; None tells the log.
        """
        self.name = f"of {source.name}"
        self.stop = stop
        self._source = source
        self._options = options
        self._limit = limit
        self._tell = tell
        self._restore = keep_shared()
        self._apart = Apart(f"the producer of {source.name}", getattr(source.producer, "__module__", None) or "")
        self._producer: Producer | None = None

    def make(self) -> None:
        """Make it, if `stop` is not set before it is made.

        Raises:
            StreamingAssetsError: The options are wrong, the plugin raised, or it did not come back in time.
        """
        try:
            self._producer = self._call(lambda: self._source.producer(self._options))
        except Stopped:
            return
        except StreamingAssetsError:
            raise
        except Exception as error:
            raise PluginError(
                f"The producer {self.name} can't be made.",
                found=described(error),
                meaning="nothing was published",
                remedy=f"fix the plugin, or its options STREAMING_ASSETS_{self._source.name.upper()}_*",
            ) from error

    def next_batch(self) -> Batch:
        """Return what the plugin's producer gives; an end without events once `stop` is set.

        Raises:
            PluginError: It does not come back in time.
            Exception: Whatever it raised; `Escaped` in place of what would end the process.
        """
        nothing = Batch(events=(), poll_after=None)
        try:
            return nothing if self._producer is None else self._call(self._producer.next_batch)
        except Stopped:
            return nothing

    def close(self) -> None:
        """Close it, if it was made and not closed before, and wait for that for some seconds at most."""
        producer, self._producer = self._producer, None
        try:
            if producer is not None:
                with suppress(Hung):
                    self._apart.call(producer.close, limit=_CLOSE_SECONDS)
        finally:
            self._restore()
            self._apart.end()

    def _call(self, function: Callable[[], T]) -> T:
        try:
            return self._apart.call(function, limit=self._limit, stop=self.stop, tell=self._tell)
        except Hung as error:
            raise self._hung(error) from None
        finally:
            self._restore()

    def _hung(self, error: Hung) -> PluginError:
        return PluginError(
            f"The producer {self.name} did not come back.",
            found=str(error),
            expected="what is there now, without waiting for more",
            meaning="the events that it brought before were delivered",
            remedy=f"fix the plugin, or set STREAMING_ASSETS_DISABLED_PLUGINS={self._source.name}",
        )
