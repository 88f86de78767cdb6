"""Findings: SQL that lies elsewhere, and plugins that make it hard to be looked at."""

from __future__ import annotations

import pytest

from streaming_assets.plugincheck.checking import check

SQL_FILE = """
from pathlib import Path
from streaming_assets import Field, GoldTable, ScalarType
GOLD = (
    GoldTable(
        name="pages", description="d", columns=(Field(name="page", type=ScalarType.STRING),), keys=("page",),
        sql=(Path(__file__).parent / "pages.sql").read_text("utf-8"),
    ),
)
"""


def test_sql_in_a_file_of_its_own_is_found_there(gold):
    """SQL that a plugin reads from a file of its package has its place in that file."""
    project = gold(SQL_FILE)
    project.put("src/shop/pages.sql", "\n-- every page\nSELECT\n  «pag» AS page\nFROM silver\n")

    assert project.places() == project.marked


def test_sql_that_is_put_together_is_found_by_its_text(gold):
    """SQL that can't be followed to its table is found where exactly this text stands, if that is once."""
    code = """
SQL = {"pages": "SELECT «pag» AS page FROM silver"}
GOLD = (
    GoldTable(
        name="pages", description="d", columns=(Field(name="page", type=ScalarType.STRING),), keys=("page",),
        sql=SQL["pages"],
    ),
)
"""
    project = gold(code)

    assert project.places("'pag'") == project.marked


def test_sql_that_is_nowhere_is_shown_by_itself(gold):
    """SQL that stands in no file has its place in itself, beside that of what makes it."""
    code = """
GOLD = (
    GoldTable(
        name="pages", description="d", columns=(Field(name="page", type=ScalarType.STRING),), keys=("page",),
        sql=«"SELECT {} AS page FROM silver".format»("pag"),
    ),
)
"""
    project = gold(code)
    (finding,) = project.findings()

    assert project.places() == project.marked
    assert finding.place is not None
    assert (finding.place.line, finding.place.column, finding.place.length) == (1, 8, 3)


HOSTILE = {
    "a name that raises": "class E(AttributeError):\n    @property\n    def name(self): 1 / 0\nraise E('x')\n",
    "no file": "raise SyntaxError('odd', (7, 'x', None, []))\n",
    "text that raises": "class E(Exception):\n    def __str__(self): 1 / 0\nraise E\n",
    "text without an end": "raise ValueError('long ' * 100_000)\n",
    "a null byte": "x = 1\0\n",
    "depth": f"x = {'-' * 5000}1\n",
    "recursion": "def f(): f()\nf()\n",
}


@pytest.mark.parametrize("code", HOSTILE.values(), ids=HOSTILE)
def test_a_plugin_can_not_keep_itself_from_being_told(tmp_path, code):
    """Whatever a plugin raises becomes one finding, of a text that can be read, with its file."""
    file = tmp_path / "shop.py"
    file.write_text(code, "utf-8")

    ((finding,),) = [each.findings for each in check(str(file))]

    assert finding.spot is not None
    assert finding.spot.file == file
    assert 0 < len(finding.found) < 1000


def test_findings_of_a_file_are_in_the_order_of_its_lines(gold):
    """Findings come file by file, and those of a file from top to bottom."""
    code = """
GOLD = (
    GoldTable(
        name="pages", description="", sql="SELECT pag AS page FROM silver", keys=("pags",),
        columns=(Field(name="page", type=ScalarType.STRING),),
        charts=(Chart(kind="bar", title="", x="p", y="page"),),
    ),
)
"""
    places = gold(code).places()

    assert len(places) == 5
    assert places == sorted(places)
