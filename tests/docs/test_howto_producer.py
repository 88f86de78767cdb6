"""docs/howto/producer.md: the producer that it shows brings events from a server, and outlives its silence."""

from __future__ import annotations

import importlib.util
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "producer.md"
ORDERS = [b'{"id": "1", "cents":  450}', b'{"id": "2", "cents": 300}']


class Shop(BaseHTTPRequestHandler):
    """A server that gives the orders after one."""

    def do_GET(self):
        last = parse_qs(urlsplit(self.path).query).get("after", ["0"])[0]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"".join(order + b"\n" for order in ORDERS[int(last) :]))

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def shop():
    """The address of a shop."""
    with HTTPServer(("127.0.0.1", 0), Shop) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def create_producer(tmp_path):
    """The factory that the page shows."""
    path = tmp_path / "producer.py"
    path.write_text(PAGE.read_text("utf-8").split("```python\n")[1].split("```")[0])
    spec = importlib.util.spec_from_file_location("howto_producer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.create_producer


def test_it_brings_each_order_once(shop, create_producer):
    """The orders come as the bytes that the server sent, the next question is for those after them."""
    producer = create_producer({"url": shop})
    first, second = producer.next_batch(), producer.next_batch()
    producer.close()
    assert [event.value for event in first.events] == ORDERS
    assert (list(second.events), first.poll_after, second.note) == ([], 5.0, None)


def test_a_server_that_does_not_answer_is_asked_later(create_producer):
    """Silence is an empty batch with a note and a longer wait."""
    batch = create_producer({"url": "http://127.0.0.1:9"}).next_batch()
    assert (list(batch.events), batch.poll_after, "does not answer" in batch.note) == ([], 30.0, True)
