from __future__ import annotations

import pytest
from streaming_assets_github_events.answers import UNREACHABLE, RequestRefused
from streaming_assets_github_events.producer import create_producer
from streaming_assets_github_events.testing import Answer, EventsServer, not_modified, page, rate_limited

from streaming_assets import Batch
from streaming_assets.errors import SettingsError

NOW = 1_700_000_000.0
BAD_GATEWAY = Answer(status=502, body=b"<html>Bad Gateway</html>")


def row(number: int) -> bytes:
    """An event as GitHub might write it: spaces and escapes must come through untouched."""
    return b'{"id": "%d", "type":"WatchEvent","payload":{"text":"\\u0000 \xc3\xa9 \\/"}}' % number


def rows(*numbers: int) -> list[bytes]:
    return [row(number) for number in numbers]


def values(batch: Batch) -> list[bytes]:
    return [event.value for event in batch.events]


def test_every_row_of_the_real_pages_arrives_byte_for_byte_through_all_kinds_of_faults(read_rows, make_producer):
    """Ten real answers with faults between them give all 281 rows, oldest first within a page, repeats included."""
    pages = [read_rows(f"2019-10-21_api_pages/page_{number:02}.ndjson.gz") for number in range(2, 12)]
    faults = [
        Answer(fault="dropped"),
        not_modified(),
        BAD_GATEWAY,
        rate_limited(reset=int(NOW) + 900),
        Answer(body=b"[" + b",".join(pages[4]) + b"]", fault="truncated"),
        Answer(body=b'[{"id":"1"},{"id'),
        not_modified(),
        Answer(status=503),
        Answer(fault="dropped"),
    ]
    script = [page(pages[0], etag='"0"')]
    for number, fault in enumerate(faults, start=1):
        script += [fault, page(pages[number], etag=f'"{number}"')]
    with EventsServer(script) as server:
        producer = make_producer({"api_url": server.url}, clock=lambda: NOW)
        batches = [producer.next_batch() for _ in script]

    assert [line for lines in pages for line in reversed(lines)] == [value for b in batches for value in values(b)]
    assert sum(len(batch.events) for batch in batches) == 281
    assert [bool(batch.note) for batch in batches[::2]] == [False] * 10
    assert [bool(batch.note) for batch in batches[1::2]] == [True, False, True, True, True, True, False, True, True]


def test_the_same_sequence_with_small_pages(make_producer):
    """Faults between polls lose no row and add none, also without the real data."""
    script = [
        page(rows(3, 2, 1), etag='"a"'),
        Answer(fault="dropped"),
        BAD_GATEWAY,
        page(rows(4, 3), etag='"b"'),
        rate_limited(reset=int(NOW) + 30),
        Answer(body=b"[" + row(5) + b"]", fault="truncated"),
        not_modified(),
        page(rows(6, 5), etag='"c"'),
    ]
    with EventsServer(script) as server:
        producer = make_producer({"api_url": server.url}, clock=lambda: NOW)
        received = [value for _ in script for value in values(producer.next_batch())]
    assert rows(1, 2, 3, 3, 4, 5, 6) == received


def test_polls_carry_the_last_etag(make_producer):
    """A poll sends the ETag of the last page it got as If-None-Match, and 304 gives an empty, silent batch."""
    with EventsServer([page(rows(1), etag='W/"x"'), not_modified(poll_interval=75)]) as server:
        producer = make_producer({"api_url": server.url})
        producer.next_batch()
        batch = producer.next_batch()
    assert [request.headers.get("if-none-match") for request in server.requests] == [None, 'W/"x"']
    assert Batch(events=[], poll_after=75.0) == batch


def test_the_request_is_the_one_github_documents(make_producer):
    """Page size, media type, API version, user agent and token stand in the request."""
    with EventsServer([page([])]) as server:
        make_producer({"api_url": f"{server.url}/", "token": "t0ken", "per_page": "50"}).next_batch()
    (request,) = server.requests
    assert request.path == "/events?per_page=50"
    assert tuple(request.headers[name] for name in ("accept", "x-github-api-version", "authorization")) == (
        "application/vnd.github+json",
        "2022-11-28",
        "Bearer t0ken",
    )
    assert request.headers["user-agent"].startswith("streaming-assets-github-events/")


@pytest.mark.parametrize(("interval", "expected"), [(90, 90.0), (None, 60.0), (0, 1.0)])
def test_the_server_sets_the_pace(make_producer, interval, expected):
    """`poll_after` is X-Poll-Interval, 60 seconds where it is missing, and never less than one."""
    with EventsServer([page(rows(1), poll_interval=interval)]) as server:
        assert expected == make_producer({"api_url": server.url}).next_batch().poll_after


def test_pages_are_followed_until_one_reaches_back(make_producer):
    """The next page is asked for until a page repeats an id of the previous poll, and all come oldest first."""
    script = [
        page(rows(2, 1)),
        page(rows(6, 5), following="/events?per_page=100&page=2"),
        page(rows(4, 3, 2), following="/events?per_page=100&page=3"),
    ]
    with EventsServer(script) as server:
        producer = make_producer({"api_url": server.url})
        producer.next_batch()
        batch = producer.next_batch()
    assert rows(2, 3, 4, 5, 6) == values(batch)
    assert [request.path for request in server.requests] == [
        "/events?per_page=100",
        "/events?per_page=100",
        "/events?per_page=100&page=2",
    ]


def test_no_more_than_max_pages_are_read(make_producer):
    """A server that always names a next page is asked for three pages in one poll, or for as many as were chosen."""
    script = [page(rows(9 - number), following="/events?page=next") for number in range(8)]
    with EventsServer(script) as server:
        assert len(make_producer({"api_url": server.url}).next_batch().events) == 3
        assert len(make_producer({"api_url": server.url, "max_pages": "1"}).next_batch().events) == 1


def test_a_fault_between_pages_keeps_the_page_and_asks_again(make_producer):
    """Rows before the fault are handed over at once, and the next poll reads the missing page."""
    first = page(rows(4, 3), etag='"a"', following="/events?page=2")
    with EventsServer([first, BAD_GATEWAY, first, page(rows(2, 1))]) as server:
        producer = make_producer({"api_url": server.url})
        broken, whole = producer.next_batch(), producer.next_batch()
    assert rows(3, 4) == values(broken)
    assert rows(1, 2, 3, 4) == values(whole)
    assert "if-none-match" not in server.requests[2].headers


def test_the_next_page_of_another_origin_is_not_followed(make_producer):
    """A Link to another origin is left alone, so the token stays where it belongs."""
    with EventsServer([page(rows(9))]) as other:
        link = {"Link": f'<{other.url}/events?page=2>; rel="next"'}
        with EventsServer([page(rows(1), headers=link)]) as server:
            assert rows(1) == values(make_producer({"api_url": server.url, "token": "t0ken"}).next_batch())
    assert other.requests == []


def test_a_redirect_to_another_origin_does_not_carry_the_token(make_producer):
    """The redirect is followed without the Authorization header."""
    with EventsServer([page(rows(1))]) as other:
        moved = Answer(status=301, headers={"Location": f"{other.url}/events"})
        with EventsServer([moved]) as server:
            assert rows(1) == values(make_producer({"api_url": server.url, "token": "t0ken"}).next_batch())
    assert server.requests[0].headers["authorization"] == "Bearer t0ken"
    assert "authorization" not in other.requests[0].headers


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (rate_limited(reset=int(NOW) + 900), 901.0),
        (Answer(status=429, headers={"Retry-After": "120"}), 120.0),
        (Answer(status=403, headers={"Retry-After": "Tue, 14 Nov 2023 22:15:20 GMT"}), 120.0),
        (Answer(status=403, body=b'{"message":"You have exceeded a secondary rate limit"}'), 60.0),
        (Answer(status=503, headers={"Retry-After": "400"}), 400.0),
        (page(rows(1), headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOW + 200:.0f}"}), 201.0),
    ],
)
def test_rate_limits_are_waited_for(make_producer, answer, expected):
    """Retry-After goes first, then the time of the reset, then a minute; a note says so."""
    with EventsServer([answer]) as server:
        batch = make_producer({"api_url": server.url}, clock=lambda: NOW).next_batch()
    assert expected == batch.poll_after
    assert server.url in batch.note


def test_a_used_up_budget_stops_between_pages(make_producer):
    """With no request left the next page is not asked for."""
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOW + 200:.0f}"}
    with EventsServer([page(rows(1), following="/events?page=2", headers=spent)]) as server:
        batch = make_producer({"api_url": server.url}, clock=lambda: NOW).next_batch()
    assert (rows(1), 201.0, 1) == (values(batch), batch.poll_after, len(server.requests))


def test_back_off_grows_to_five_minutes_and_starts_anew_after_an_answer(make_producer):
    """Each failure doubles the wait up to a cap of 300 seconds; half of it at most is left to chance."""
    with EventsServer([BAD_GATEWAY] * 9 + [page(rows(1), poll_interval=None), BAD_GATEWAY]) as server:
        producer = make_producer({"api_url": server.url})
        waits = [producer.next_batch().poll_after for _ in range(11)]
    for wait, ceiling in zip(waits[:9], [5, 10, 20, 40, 80, 160, 300, 300, 300], strict=True):
        assert ceiling / 2 <= wait <= ceiling
    assert 2.5 <= waits[10] <= 5


def test_back_off_respects_the_poll_interval(make_producer):
    """After a failure the server is not asked sooner than the interval it last named."""
    with EventsServer([page(rows(1), poll_interval=60), BAD_GATEWAY]) as server:
        producer = make_producer({"api_url": server.url})
        producer.next_batch()
        assert producer.next_batch().poll_after == 60.0


def test_a_server_that_is_not_there_shows_in_the_first_note(make_producer):
    """A refused connection gives an empty batch whose note says that the server can't be reached."""
    with EventsServer([]) as server:
        url = server.url
    batch = make_producer({"api_url": url}).next_batch()
    assert batch.events == []
    assert UNREACHABLE in batch.note
    assert batch.poll_after >= 2.5


def test_a_silent_server_is_left_after_the_timeout(make_producer):
    """A server that takes the request and does not answer gives a note, not a hang."""
    with EventsServer([Answer(fault="stalled")]) as server:
        batch = make_producer({"api_url": server.url, "timeout_seconds": "0.2"}).next_batch()
    assert "gave no answer within 0.2 seconds" in batch.note


def test_a_refused_token_is_a_fault_of_the_settings(make_producer):
    """401 names the variable and never the token."""
    with EventsServer([Answer(status=401, body=b'{"message":"Bad credentials"}')]) as server:
        producer = make_producer({"api_url": server.url, "token": "s3cret"})
        with pytest.raises(SettingsError) as caught:
            producer.next_batch()
    assert [fault.where for fault in caught.value.faults] == ["STREAMING_ASSETS_GITHUB_EVENTS_TOKEN"]
    assert "s3cret" not in f"{caught.value!s} {caught.value!r} {producer!r}"


@pytest.mark.parametrize("status", [400, 403, 404, 422, 451])
def test_other_refusals_are_typed_errors(make_producer, status):
    """An answer that asking again would not change names status and address, without the token."""
    with EventsServer([Answer(status=status, body=b'{"message":"no"}')]) as server:
        producer = make_producer({"api_url": server.url, "token": "s3cret"})
        with pytest.raises(RequestRefused, match=f"{status} .*{server.url}/events") as caught:
            producer.next_batch()
    assert "s3cret" not in str(caught.value)


def test_rows_that_are_no_events_are_handed_over_too(make_producer):
    """What a row holds is not judged here: numbers, texts and objects without an id pass as they are."""
    odd = [b"1", b'"text"', b"null", b'{"id":5}', b"{}"]
    with EventsServer([page(odd)]) as server:
        assert odd == list(reversed(values(make_producer({"api_url": server.url}).next_batch())))


def test_a_body_that_is_no_array_is_a_setback(make_producer):
    """A JSON object with status 200 gives a note and a later poll."""
    with EventsServer([Answer(body=b'{"message":"hello"}')]) as server:
        batch = make_producer({"api_url": server.url}).next_batch()
    assert (batch.events, "no JSON array" in batch.note) == ([], True)


def test_options_are_checked_all_at_once():
    """Every wrong option is a fault with its variable, and neither token nor unknown value is shown."""
    wrong = {
        "api_url": "ftp://example.org",
        "token": "two words",
        "per_page": "0",
        "max_pages": "many",
        "timeout_seconds": "nan",
        "tokn": "s3cret",
    }
    with pytest.raises(SettingsError) as caught:
        create_producer(wrong)
    prefix = "STREAMING_ASSETS_GITHUB_EVENTS_"
    assert {prefix + name.upper() for name in wrong} == {fault.where for fault in caught.value.faults}
    assert "two words" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://user:s3cret@example.org", "http://", "http://a:99999", "api.github.com", ""])
def test_an_address_that_can_not_be_used_is_refused(url):
    """The address must be an http or https URL without user and password, and a password in it is not shown."""
    with pytest.raises(SettingsError) as caught:
        create_producer({"api_url": url})
    assert [fault.where for fault in caught.value.faults] == ["STREAMING_ASSETS_GITHUB_EVENTS_API_URL"]
    assert "s3cret" not in str(caught.value)


def test_an_empty_token_counts_as_none(make_producer):
    """A variable that is set but empty sends no Authorization header."""
    with EventsServer([page([])]) as server:
        make_producer({"api_url": server.url, "token": " "}).next_batch()
    assert "authorization" not in server.requests[0].headers
