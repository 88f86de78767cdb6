"""Polls GitHub's events API and hands over every row as it came.

It never sleeps: how long to wait (`X-Poll-Interval`, rate limits, back-off) goes out with each batch.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version

import httpx

from streaming_assets import Batch, Event
from streaming_assets_github_events.answers import (
    UNREACHABLE,
    Page,
    Setback,
    budget_wait,
    check_status,
    next_url,
    poll_interval,
    read_page,
)
from streaming_assets_github_events.options import Options, load_options

DEFAULT_INTERVAL = 60.0
"""Seconds between polls until the server names another interval; what GitHub's documentation shows."""

SHORTEST_INTERVAL = 1.0
"""Seconds between polls even of a server that allows more."""

BACKOFF_SECONDS = (5.0, 300.0)
"""First and longest back-off; it doubles with each failure, and up to half of it is left to chance."""


def create_producer(options: Mapping[str, str]) -> EventsProducer:
    """Make the producer from the source's options (see `Options`); nothing is asked of the server yet.

    Raises:
        SettingsError: One or more options are wrong.
    """
    return EventsProducer(load_options(options))


class EventsProducer:
    """A `Producer` over `GET {api_url}/events`.

    Every row that the server sends is handed over, also one seen before: Silver keeps each event once.

    Args:
        options: What to poll, and how.
        clock: Seconds since 1970; `X-RateLimit-Reset` is compared with it.
        chance: Source of the jitter.
    """

    def __init__(
        self, options: Options, *, clock: Callable[[], float] = time.time, chance: random.Random | None = None
    ) -> None:
        self._options = options
        self._clock = clock
        self._chance = chance or random.Random()  # noqa: S311 - jitter is no secret
        # On a redirect to another origin httpx drops the Authorization header.
        self._client = httpx.Client(
            headers=_headers(options), timeout=options.timeout_seconds, follow_redirects=True, max_redirects=5
        )
        self._first_url = httpx.URL(f"{options.api_url}/events", params={"per_page": str(options.per_page)})
        self._interval: float | None = None
        self._etag: str | None = None
        self._seen: frozenset[str] = frozenset()
        self._failures = 0

    def next_batch(self) -> Batch:
        """Poll once and return what the server has, oldest first.

        Raises:
            SettingsError: The token is missing or refused.
            RequestRefused: The server refuses the request for good.
        """
        pages: list[Page] = []
        try:
            allowed_in = self._read_pages(pages)
        except Setback as setback:
            # ETag and ids stay those of the last whole poll: the next one asks for the missing pages again.
            return self._batch(pages, self._back_off(setback.wait), setback.cause)
        self._failures = 0
        if pages:
            self._etag = pages[0].etag
            self._seen = frozenset().union(*(page.ids for page in pages))
        cause = "allows no more requests for now (rate limit)" if allowed_in else None
        return self._batch(pages, max(self._pace(), allowed_in), cause)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _read_pages(self, pages: list[Page]) -> float:
        """Append the pages of one poll; return the seconds until the rate limit allows another request."""
        url: httpx.URL | None = self._first_url
        allowed_in = 0.0
        while url is not None and len(pages) < self._options.max_pages:
            if allowed_in:
                raise Setback("allows no more requests for now (rate limit)", wait=allowed_in)
            response = self._get(url, etag=None if pages else self._etag)
            allowed_in = budget_wait(response, self._clock())
            if response.status_code == httpx.codes.NOT_MODIFIED:
                break
            pages.append(read_page(response))
            # A page that reaches back to the previous poll leaves no gap behind it; an empty one is the last.
            reached = not pages[-1].rows or not self._seen.isdisjoint(pages[-1].ids)
            url = None if reached else next_url(response, self._first_url)
        return allowed_in

    def _get(self, url: httpx.URL, *, etag: str | None) -> httpx.Response:
        try:
            response = self._client.get(url, headers={"If-None-Match": etag} if etag else None)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise Setback(f"{UNREACHABLE} ({_reason(error)})") from None
        except httpx.TimeoutException:
            raise Setback(f"gave no answer within {self._options.timeout_seconds:g} seconds") from None
        except httpx.RequestError as error:
            raise Setback(f"broke off or garbled its answer ({_reason(error)})") from None
        interval = poll_interval(response)
        self._interval = self._interval if interval is None else interval
        check_status(response, now=self._clock(), has_token=self._options.token is not None)
        return response

    def _pace(self) -> float:
        return max(DEFAULT_INTERVAL if self._interval is None else self._interval, SHORTEST_INTERVAL)

    def _back_off(self, least: float) -> float:
        first, longest = BACKOFF_SECONDS
        # The exponent is bounded so that a server that is away for days does not overflow a float.
        ceiling = min(first * 2.0 ** min(self._failures, 16), longest)
        self._failures += 1
        return max(least, self._interval or 0.0, ceiling * self._chance.uniform(0.5, 1.0))

    def _batch(self, pages: list[Page], poll_after: float, cause: str | None) -> Batch:
        newest_first = [row for page in pages for row in page.rows]
        note = f"{self._options.api_url} {cause}; next request in {poll_after:.0f} s" if cause else None
        return Batch(events=[Event(value=row) for row in reversed(newest_first)], poll_after=poll_after, note=note)


def _headers(options: Options) -> dict[str, str]:
    headers = {
        "Accept": "application/vnd.github+json",
        "User-Agent": f"streaming-assets-github-events/{version('streaming-assets-github-events')}",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    if options.token is not None:
        headers["Authorization"] = f"Bearer {options.token.get_secret_value()}"
    return headers


def _reason(error: httpx.RequestError) -> str:
    return str(error) or type(error).__name__
