"""A scripted events API on this machine: a real HTTP server whose answers a test chooses one by one.

from streaming_assets_github_events.testing import EventsServer, page, not_modified

with EventsServer([page([b'{"id":"1"}'], etag='"a"'), not_modified()]) as server:
    producer = create_producer({"api_url": server.url})
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import TracebackType
from typing import Literal, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of the server; in header values `{url}` stands for the server's own address."""

    status: int = 200
    """HTTP status."""
    body: bytes = b""
    """Body as it is sent."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers besides Content-Length."""
    fault: Literal["dropped", "truncated", "stalled"] | None = None
    """`dropped`: the connection is closed without an answer. `truncated`: it is closed after half of the
    body. `stalled`: it stays open, silent, until the client gives up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as the server got it."""

    path: str
    """Path and query."""
    headers: Mapping[str, str]
    """Headers, with names in small letters."""


def page(
    rows: Sequence[bytes],
    *,
    etag: str | None = None,
    poll_interval: int | None = 60,
    following: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Return a page of events, `rows` newest first; `following` is the path of the next page."""
    named = {
        "ETag": etag,
        "X-Poll-Interval": None if poll_interval is None else str(poll_interval),
        "Link": None if following is None else f'<{{url}}{following}>; rel="next"',
    }
    return Answer(
        body=b"[" + b",".join(rows) + b"]",
        headers={"Content-Type": "application/json; charset=utf-8"}
        | {name: value for name, value in named.items() if value is not None}
        | dict(headers or {}),
    )


def not_modified(*, poll_interval: int = 60) -> Answer:
    """Return the answer to a poll that has nothing new."""
    return Answer(status=304, headers={"X-Poll-Interval": str(poll_interval)})


def rate_limited(*, reset: int) -> Answer:
    """Return the answer to a client that used up its requests; `reset` is in seconds since 1970."""
    return Answer(
        status=403,
        body=b'{"message":"API rate limit exceeded"}',
        headers={"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)},
    )


class EventsServer:
    """Serves a script on 127.0.0.1, one answer for each request; after its end, 304 for ever.

    Args:
        script: The answers, in order.

    Attributes:
        url: Address without a slash at its end.
        requests: What was asked so far, in order.
    """

    def __init__(self, script: Sequence[Answer]) -> None:
        self.requests: list[Request] = []
        self._script = iter(script)
        self._server = HTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: Request) -> Answer:
        """Note a request and return its answer."""
        self.requests.append(request)
        return next(self._script, not_modified())

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        scripted = self

        class Handler(_Handler):
            script = scripted

        return Handler


class _Handler(BaseHTTPRequestHandler):
    """Speaks HTTP/1.0, so that every request has a connection of its own."""

    script: EventsServer

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.script.answer(Request(path=self.path, headers=headers))
        if answer.fault == "stalled":
            self.connection.recv(1)  # returns when the client hangs up
        if answer.fault in {"dropped", "stalled"}:
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value.replace("{url}", self.script.url))
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) // 2] if answer.fault == "truncated" else answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name for it
        """Keep still: the test looks at `requests`."""
