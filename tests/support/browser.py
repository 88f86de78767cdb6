"""The browser of the tests that look at pages, far from any network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE = 60_000
"""Milliseconds to wait for something on a page: a busy machine takes its time."""

_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@contextmanager
def opened_page(**options: Any) -> Iterator[Any]:
    """Give an empty page of a browser.

    Args:
        options: What its context is, such as `timezone_id`.
    """
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - nobody without a browser needs it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*_OPTIONS])
        page = browser.new_page(viewport={"width": 1440, "height": 2400}, **options)
        page.set_default_timeout(PATIENCE)
        yield page
        browser.close()
