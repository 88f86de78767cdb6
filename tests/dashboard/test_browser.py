"""The dashboard as a person sees it: the real server and a real browser."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.browser import PATIENCE, opened_page

APP = Path(__file__).parents[2] / "dashboard" / "app.py"

pytestmark = pytest.mark.browser


@pytest.fixture
def server(home, monkeypatch):
    """The address of a dashboard that looks every second."""
    monkeypatch.setenv("STREAMING_ASSETS_DASHBOARD_REFRESH_SECONDS", "1")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(APP), "--server.port", str(port)]
    log = home.path.parent / "server.log"
    with (
        log.open("w") as output,
        subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True) as process,
    ):
        try:
            wait_until_up(port, process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGTERM)


@pytest.fixture
def page():
    """An empty page of a browser far from UTC."""
    with opened_page(timezone_id="America/New_York") as page:
        yield page


def wait_until_up(port: int, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port)):
                return
        except ConnectionRefusedError:
            time.sleep(0.1)
    pytest.fail(f"the dashboard did not start: {log.read_text()}")


def test_page_refreshes_by_itself_and_keeps_choices(home, server, page):
    """A person sees the charts, chooses a number, and after a commit sees the new rows without doing anything."""
    home.fill_github(repositories=12)
    asked = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto(f"{server}/?source=GitHub+events")
    bars = page.get_by_text("10 of 12 bars.")
    expect(bars).to_be_visible(timeout=PATIENCE)
    expect(page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg")).to_have_count(2)
    expect(page.locator("[data-testid=stDataFrame]")).to_have_count(1)
    page.get_by_role("slider").nth(1).press("ArrowLeft")
    expect(page.get_by_text("5 of 12 bars.", exact=True)).to_be_visible(timeout=PATIENCE)

    home.fill_github(repositories=30)

    expect(page.get_by_text("5 of 30 bars.", exact=True)).to_be_visible(timeout=PATIENCE)
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    assert [url for url in asked if not url.startswith((server, "data:", "blob:"))] == []


def test_missing_table_appears_when_it_is_there(home, server, page):
    """A page opened before there is any table shows the charts as soon as there are."""
    page.goto(f"{server}/?source=User+interactions")
    expect(page.get_by_text("user_interactions.gold.events_by_type does not exist yet")).to_be_visible(timeout=PATIENCE)

    home.fill_users()

    expect(page.locator("[data-testid=stVegaLiteChart]")).to_have_count(4, timeout=PATIENCE)
    expect(page.get_by_text("does not exist yet")).to_have_count(0, timeout=PATIENCE)
