"""The built site: whoever reads it needs nothing but its files."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_page_of_the_documentation_is_in_the_site(site):
    """Each Markdown file of `docs/`, the README, the changelog and the examples are pages."""
    pages = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"]
    named = [path.relative_to(ROOT).with_suffix(".html") for path in pages]
    assert [str(name) for name in named if not (site / name).exists()] == []


def test_nothing_is_fetched_from_elsewhere(site):
    """No page loads a script, a style, a font or a picture from another host."""
    loaded = re.compile(
        r"<(?:script|img|iframe|source)\b[^>]*\ssrc=\"(?:https?:)?//|<link\b[^>]*\shref=\"(?:https?:)?//"
    )
    assert [page.name for page in site.rglob("*.html") if loaded.search(page.read_text("utf-8"))] == []
    styles = [
        style
        for style in site.rglob("*.css")
        if re.search(r"(?:url\(|@import )['\"]?(?:https?:)?//", style.read_text("utf-8"))
    ]
    assert styles == []


def test_the_sites_root_leads_to_the_first_page(site):
    """Whoever opens the folder comes to the first page."""
    (target,) = re.findall(r'http-equiv="refresh" content="0; url=([^"]*)"', (site / "index.html").read_text("utf-8"))
    assert (site / target).resolve() == (site / "docs" / "index.html").resolve()
