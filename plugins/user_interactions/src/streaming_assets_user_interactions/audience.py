"""A made-up audience: streams start and end, viewers join, chat in bursts, like, share, leave and come back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from random import Random

import msgspec

from streaming_assets_user_interactions.options import Options
from streaming_assets_user_interactions.schema import VIEWERS_COUNT

STREAM_SECONDS = (240.0, 1500.0)
"""Shortest and longest stream."""

REPORT_SECONDS = 15.0
"""Time between two reports of how many are watching."""

BURST = (0.15, 5.0, 25.0, 8)
"""Chance of a burst of chat at a report, its shortest and longest duration in seconds, its weight."""

ZONES = tuple(timezone(timedelta(minutes=minutes)) for minutes in (0, 60, 120, -300, 330, 540))
"""Clients write the time with the offset of the place they are in."""

WORDS = (
    *("hello", "gg", "wow", "lol", "first!", "again", "that", "was", "close", "who", "won", "the", "stream", "is"),
    *("lagging", "greetings from", "São Paulo", "Köln", "naïve", "¿qué?", "привет", "これはすごい", "안녕", "مرحبا"),
    *("😂", "🔥🔥🔥", "❤️", "👩🏽‍🚀", "🏳️‍🌈", "<3", '"quoted"', "back\\slash", "100 %", "why?", "so", "good", "😮"),
)
"""Vocabulary of the chat."""

SHARED_ON = ("clipboard", "mastodon", "mail", "messenger")


class Interaction(msgspec.Struct):
    """One event, with its fields in the order in which they are written."""

    timestamp: datetime
    event: str
    user_id: str | msgspec.UnsetType
    video_id: str
    payload: str | int | None = None
    id: str | msgspec.UnsetType = msgspec.UNSET


@dataclass(slots=True, kw_only=True, eq=False)
class _Stream:
    video_id: str
    ends: float
    next_report: float
    burst_until: float = 0.0
    watching: list[int] = field(default_factory=list)


class Audience:
    """Everybody who watches, and what they do, one event after the other.

    Nobody chats, likes, shares or leaves without having joined, and nobody watches two streams at once.

    Args:
        options: Size and pace.
        start: Where the simulated time starts, in seconds since 1970.
        chance: Source of all decisions.
    """

    def __init__(self, options: Options, *, start: float, chance: Random) -> None:
        self.now = start
        self._rate = options.rate
        self._chance = chance
        # Ids of another run must not look like repeats of this one's.
        self._run = f"{int(start * 1_000_000):x}"
        self._written = 0
        self._idle = list(range(options.viewers))
        self._enough = max(1, options.viewers * 3 // (options.videos * 5))
        self._started = 0
        self._streams = [self._start_stream(partly_over=True) for _ in range(options.videos)]
        self._lottery = self._weights()

    def __iter__(self) -> Iterator[Interaction]:
        """Yield events for ever, in the order in which they happen; `now` is the time of the last one."""
        while True:
            self.now += self._chance.expovariate(self._rate)
            yield self._next_of(self._lottery[int(self._chance.random() * len(self._lottery))])

    def _next_of(self, stream: _Stream) -> Interaction:
        if self.now >= stream.ends:
            return self._end(stream)
        if self.now >= stream.next_report:
            return self._report(stream)
        if stream.burst_until:
            return self._cheer(stream)
        draw = self._chance.random()
        join, leave = (0.18, 0.23) if len(stream.watching) < self._enough else (0.05, 0.20)
        if draw < join or not stream.watching:
            return self._join(stream) if self._idle else self._report(stream)
        if draw < leave:
            return self._leave(stream)
        return self._act(stream, draw)

    def _act(self, stream: _Stream, draw: float) -> Interaction:
        user = stream.watching[int(self._chance.random() * len(stream.watching))]
        if draw < 0.40:  # noqa: PLR2004 - one of the shares of what people do
            return self._by(user, "like", stream)
        if draw < 0.43:  # noqa: PLR2004
            return self._by(user, "share", stream, self._chance.choice(SHARED_ON))
        words = self._chance.choices(WORDS, k=1 + int(self._chance.random() * 5))
        return self._by(user, "message", stream, " ".join(words))

    def _cheer(self, stream: _Stream) -> Interaction:
        if self.now >= stream.burst_until or not stream.watching:
            stream.burst_until = 0.0
            self._lottery = self._weights()
            return self._report(stream)
        return self._act(stream, 1.0)

    def _join(self, stream: _Stream) -> Interaction:
        stream.watching.append(user := self._take(self._idle))
        return self._by(user, "join", stream)

    def _leave(self, stream: _Stream) -> Interaction:
        self._idle.append(user := self._take(stream.watching))
        return self._by(user, "leave", stream)

    def _end(self, stream: _Stream) -> Interaction:
        """Let the viewers of a stream that is over go one by one; after the last one another stream starts."""
        if stream.watching:
            return self._leave(stream)
        last = self._report(stream)
        self._streams[self._streams.index(stream)] = self._start_stream()
        self._lottery = self._weights()
        return last

    def _report(self, stream: _Stream) -> Interaction:
        stream.next_report = self.now + REPORT_SECONDS
        likely, shortest, longest, _ = BURST
        if stream.watching and not stream.burst_until and self._chance.random() < likely:
            stream.burst_until = self.now + self._chance.uniform(shortest, longest)
            self._lottery = self._weights()
        count = len(stream.watching)
        return Interaction(
            timestamp=datetime.fromtimestamp(self.now, UTC),
            event=VIEWERS_COUNT,
            user_id=msgspec.UNSET,
            video_id=stream.video_id,
            payload=count if self._chance.random() < 0.5 else str(count),  # noqa: PLR2004 - clients do both
        )

    def _by(self, user: int, kind: str, stream: _Stream, payload: str | None = None) -> Interaction:
        self._written += 1
        return Interaction(
            timestamp=datetime.fromtimestamp(self.now, ZONES[user % len(ZONES)]),
            event=kind,
            user_id=f"viewer-{user:05}",
            video_id=stream.video_id,
            payload=payload,
            # Half of the clients number their events; the others leave it to the broker's coordinates.
            id=f"{self._run}-{self._written}" if user & 1 else msgspec.UNSET,
        )

    def _take(self, people: list[int]) -> int:
        """Remove and return somebody, without moving all who come after."""
        place = int(self._chance.random() * len(people))
        people[place], people[-1] = people[-1], people[place]
        return people.pop()

    def _start_stream(self, *, partly_over: bool = False) -> _Stream:
        self._started += 1
        length = self._chance.uniform(*STREAM_SECONDS) * (self._chance.random() if partly_over else 1.0)
        first_report = self.now + self._chance.random() * REPORT_SECONDS
        return _Stream(video_id=f"live-{self._run}-{self._started}", ends=self.now + length, next_report=first_report)

    def _weights(self) -> list[_Stream]:
        """Return the streams, those with a burst of chat several times, to draw from."""
        return [stream for stream in self._streams for _ in range(BURST[3] if stream.burst_until else 1)]
