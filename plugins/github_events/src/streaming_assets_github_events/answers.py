"""What an answer of GitHub's REST API means for a client that polls it.

The rules are GitHub's:
- events and polling: https://docs.github.com/en/rest/activity/events (ETag, `X-Poll-Interval`)
- rate limits: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api (`Retry-After`
  first, else `X-RateLimit-Reset` where nothing remains, else at least a minute, growing)
- pages: https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api (`Link`)
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx
import msgspec

from streaming_assets.errors import Fault, SettingsError, StreamingAssetsError
from streaming_assets_github_events.options import PREFIX

UNREACHABLE = "can't be reached"
"""Part of the note of a batch when no connection to the server comes about."""

SECONDARY_LIMIT_SECONDS = 60.0
"""Shortest wait at a rate limit for which the server names no time."""


class RequestRefused(StreamingAssetsError):
    """The server refuses the request for good: asking again would not help."""


class Setback(Exception):
    """The poll stopped early for a cause that passes by itself.

    Attributes:
        cause: What happened, for the person watching.
        wait: Shortest time until the next request, in seconds.
    """

    def __init__(self, cause: str, *, wait: float = 0.0) -> None:
        self.cause = cause
        self.wait = wait
        super().__init__(cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of events."""

    rows: tuple[bytes, ...]
    """The events' bytes, cut out of the body as they came, newest first."""
    ids: frozenset[str]
    """Their ids, where they have one."""
    etag: str | None
    """The page's version."""


class _Identified(msgspec.Struct):
    id: str


_ROWS = msgspec.json.Decoder(list[msgspec.Raw])
_IDENTIFIED = msgspec.json.Decoder(_Identified)


def read_page(response: httpx.Response) -> Page:
    """Cut a body into its events.

    Raises:
        Setback: The body is no JSON array.
    """
    try:
        rows = tuple(bytes(row) for row in _ROWS.decode(response.content))
    except msgspec.DecodeError as error:
        raise Setback(f"sent a body that is no JSON array ({error})") from None
    ids = frozenset(found for row in rows if (found := _event_id(row)) is not None)
    return Page(rows=rows, ids=ids, etag=response.headers.get("ETag"))


def check_status(response: httpx.Response, *, now: float, has_token: bool) -> None:
    """Return for an answer that can be used (200, 304).

    Args:
        response: The answer.
        now: The time, in seconds since 1970.
        has_token: Whether the request carried a token.

    Raises:
        Setback: A rate limit, or a fault of the server.
        SettingsError: The token is missing or refused.
        RequestRefused: Anything else.
    """
    status = response.status_code
    if status in {httpx.codes.OK, httpx.codes.NOT_MODIFIED}:
        return
    retry_after = _retry_after(response, now)
    if _is_rate_limit(response):
        wait = retry_after if retry_after is not None else budget_wait(response, now)
        raise Setback(f"set a rate limit ({status})", wait=wait or SECONDARY_LIMIT_SECONDS)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.REQUEST_TIMEOUT:
        raise Setback(f"answered {status} {response.reason_phrase}".rstrip(), wait=retry_after or 0.0)
    if status == httpx.codes.UNAUTHORIZED:
        found = "a token that the server refuses" if has_token else "no token, and the server demands one"
        raise SettingsError([Fault(where=f"{PREFIX}TOKEN", found=found, expected="a valid access token")])
    raise _refused(response)


def budget_wait(response: httpx.Response, now: float) -> float:
    """Return the seconds until the next request is allowed by the rate limit; 0 where some remain."""
    reset = _number(response, "X-RateLimit-Reset")
    if response.headers.get("X-RateLimit-Remaining") != "0" or reset is None:
        return 0.0
    # The reset is given in whole seconds: one more makes sure that it lies behind.
    return max(reset - now, 0.0) + 1.0


def poll_interval(response: httpx.Response) -> float | None:
    """Return the seconds that the server wants between polls (`X-Poll-Interval`), if it says."""
    return _number(response, "X-Poll-Interval")


def next_url(response: httpx.Response, origin: httpx.URL) -> httpx.URL | None:
    """Return the address of the following page, where there is one at the origin that the token is for."""
    target = response.links.get("next", {}).get("url")
    if target is None:
        return None
    try:
        url = response.url.join(target)
    except httpx.InvalidURL:
        return None
    same = (url.scheme, url.host, url.port) == (origin.scheme, origin.host, origin.port)
    return url if same else None


def _event_id(row: bytes) -> str | None:
    try:
        return _IDENTIFIED.decode(row).id
    except msgspec.DecodeError:
        return None


def _is_rate_limit(response: httpx.Response) -> bool:
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return True
    if response.status_code != httpx.codes.FORBIDDEN:
        return False
    named = "Retry-After" in response.headers or response.headers.get("X-RateLimit-Remaining") == "0"
    # A secondary limit may come without either header; then only the message says so.
    return named or b"rate limit" in response.content.lower()


def _retry_after(response: httpx.Response, now: float) -> float | None:
    """Return `Retry-After` in seconds; RFC 9110, section 10.2.3 allows a number or a date."""
    seconds = _number(response, "Retry-After")
    if seconds is not None:
        return seconds
    try:
        return max(parsedate_to_datetime(response.headers["Retry-After"]).timestamp() - now, 0.0)
    except (KeyError, ValueError):
        return None


def _number(response: httpx.Response, header: str) -> float | None:
    text = response.headers.get(header, "")
    return float(text) if text.isascii() and text.isdigit() else None


def _refused(response: httpx.Response) -> RequestRefused:
    return RequestRefused(
        "The events API refuses the request.",
        found=f"{response.status_code} {response.reason_phrase} from {response.url.copy_with(query=None)}",
        expected="200 OK",
        meaning="no events are brought; what was brought before is not touched",
        remedy=f"check {PREFIX}API_URL, and whether the server lets this machine read public events",
    )
