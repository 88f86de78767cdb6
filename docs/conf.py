"""The documentation site: Sphinx reads the Markdown files as they stand in the project, and the contract's docstrings.

    uv run sphinx-build --fresh-env --nitpicky --fail-on-warning --keep-going -c docs . build/docs

The project's root is the source folder, so a link from one file to another works on GitHub and in the site alike: to a
page, to a heading, or to another file of the project, which is copied into the site. To a folder there can be none. A
broken link ends the build. Nothing is fetched, neither by the build nor by a reader's browser.
"""

from __future__ import annotations

import re
from dataclasses import is_dataclass
from importlib import metadata
from typing import Any

from sphinx.application import Sphinx

project = "streaming_assets"
version = release = metadata.version("streaming-assets")
root_doc = "docs/index"
include_patterns = ["README.md", "CHANGELOG.md", "docs/**.md", "examples/*/README.md"]
exclude_patterns = [".*", "build", "dist", "docs/_*"]
templates_path = ["_templates"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
highlight_language = "text"
myst_heading_anchors = 4

default_role = "code"  # docstrings are written with Markdown's backticks
add_module_names = False
python_maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_type_aliases = {
    name: f"~streaming_assets.contract.{name}"
    for name in ("Aggregate", "ArrowFunction", "ChartKind", "FieldType", "ProducerFactory")
}

# Types of Python and of libraries: looking up where they are documented would fetch it.
nitpick_ignore_regex = [("py:class", r"(collections\.abc|datetime|pa|pluggy)\..+")]

html_theme = "pydata_sphinx_theme"
html_title = "streaming_assets"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_additional_pages = {"index": "to_first_page.html"}
html_copy_source = False
html_context = {"default_mode": "auto"}
html_sidebars = {"**": ["site-pages.html"]}
html_theme_options = {
    "navbar_align": "right",
    "navbar_center": [],
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "footer_start": [],
    "footer_end": [],
}


CONFORMANCE = "streaming_assets.testing.Conformance."


def readable(
    _app: Sphinx, what: str, name: str, value: object, _options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Leave out arguments that authors do not give.

    They implement protocols, name members of enumerations, read errors; to tests, pytest gives the fixtures.
    """
    if (what in {"class", "exception"} and not is_dataclass(value)) or name.startswith(CONFORMANCE):
        return "", None
    if signature is not None:  # what `inspect` shows of a default that is made, and Sphinx of an alias inside a union
        signature = signature.replace("<factory>", "{}")
        signature = re.sub(r"TypeAliasForwardRef\('([^']+)'\)", r"\1", signature)
    return signature, returned


def setup(app: Sphinx) -> None:
    """Connect what differs from Sphinx's own."""
    app.connect("autodoc-process-signature", readable)
