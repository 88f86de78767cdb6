"""Hands over what the simulated audience did since the last call; it never sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from random import Random

from streaming_assets import Batch, Event
from streaming_assets_user_interactions.audience import Audience
from streaming_assets_user_interactions.delivery import deliver
from streaming_assets_user_interactions.options import Options, load_options

BATCH_EVENTS = 20_000
"""Most events in one batch; what is due besides comes with the next call, at once."""

HISTORY_SECONDS = 600.0
"""How far back the first batch reaches, where so much fits into it."""

POLL_SECONDS = 0.5


def create_producer(options: Mapping[str, str]) -> AudienceProducer:
    """Make the producer from the source's options (see `Options`).

    Raises:
        SettingsError: One or more options are wrong.
    """
    return AudienceProducer(load_options(options))


class AudienceProducer:
    """A `Producer` over a simulated audience whose time follows the wall clock.

    The first batch already holds some minutes of history, so that every table has rows at once.
    The same options and clock readings give the same batches.

    Args:
        options: Size and pace of the audience.
        clock: Seconds since 1970.
    """

    def __init__(self, options: Options, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        chance = Random(options.seed)  # noqa: S311 - a simulation needs no secret
        # A tenth of the batch is left for chance: what is due is only on average rate times seconds.
        history = min(HISTORY_SECONDS, 0.9 * BATCH_EVENTS / options.rate)
        audience = Audience(options, start=clock() - history, chance=chance)
        self._feed = deliver(audience, faults=options.faults, chance=chance)
        self._due, self._value = next(self._feed)

    def next_batch(self) -> Batch:
        """Return what happened since the last call, in the order of delivery."""
        now = self._clock()
        events: list[Event] = []
        while self._due <= now and len(events) < BATCH_EVENTS:
            events.append(Event(value=self._value))
            self._due, self._value = next(self._feed)
        return Batch(events=events, poll_after=0.0 if self._due <= now else POLL_SECONDS)

    def close(self) -> None:
        """Forget the audience."""
        self._feed.close()
