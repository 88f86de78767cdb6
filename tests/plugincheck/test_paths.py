"""Following a path of a definition through the code of a plugin, however that is written."""

from __future__ import annotations

import pytest

TABLE = """GoldTable(
    name="pages", description="Clicks.", sql="SELECT page, count(*) AS clicks FROM silver GROUP BY page",
    columns=(Field(name="page", type=ScalarType.STRING), Field(name="clicks", type=ScalarType.LONG)),
    keys=("page",), charts=(Chart(kind="bar", title="Clicks", x="page", y=«"click"»),),
)"""

WRITTEN = {
    "in a tuple": f"GOLD = ({TABLE},)",
    "by a name": f"PAGES = {TABLE}\nGOLD = (PAGES,)",
    "with its type": f"PAGES: GoldTable = {TABLE}\nGOLD: tuple[GoldTable, ...] = (PAGES,)",
    "added": f"GOLD = () + ({TABLE},)",
    "with a star": f"SOME = ({TABLE},)\nGOLD = (*SOME,)",
    "by a function": f"def pages():\n    return {TABLE}\n\nGOLD = (pages(),)",
    "by a function's variable": f"def pages():\n    table = {TABLE}\n    return table\n\nGOLD = (pages(),)",
    "replaced": "from dataclasses import replace\n"
    f'PAGES = {TABLE}\nGOLD = (replace(PAGES, description="All clicks."),)',
    "of its module": f"import streaming_assets as sa\nGOLD = (sa.{TABLE},)",
    "of the contract": f"from streaming_assets.contract import GoldTable as T\nPAGES = T{TABLE[9:]}\nGOLD = (PAGES,)",
    "made by a comprehension": f"GOLD = tuple([{TABLE}])",
    "in a condition": f"import sys\nif sys:\n    GOLD = ({TABLE},)",
}


@pytest.mark.parametrize("code", WRITTEN.values(), ids=WRITTEN)
def test_a_table_is_found_however_it_is_written(gold, code):
    """The place of a wrong value is exact, whichever way its table gets into the definition."""
    project = gold(code)

    assert project.places("'click'") == project.marked


HELPER = """
def table(name, sql, *, of=ScalarType.STRING, **more):
    return GoldTable(
        name=name, description="d", sql=sql, columns=(Field(name="page", type=of),), keys=("page",), **more
    )

"""

BY_ARGUMENT = {
    "by its place": HELPER + 'GOLD = (table("a", "SELECT «pag» AS page FROM silver"),)',
    "by its name": HELPER + 'GOLD = (table("a", sql="SELECT «pag» AS page FROM silver"),)',
    "by a name": HELPER + 'SQL = "SELECT «pag» AS page FROM silver"\nGOLD = (table("a", SQL),)',
    "with others": HELPER + 'GOLD = (table("a", "SELECT page FROM silver", per=«"pag"»),)',
}


@pytest.mark.parametrize("code", BY_ARGUMENT.values(), ids=BY_ARGUMENT)
def test_an_argument_of_a_helper_is_found_where_it_is_given(gold, code):
    """What a helper of the plugin passes on is found where the helper was called."""
    project = gold(code)

    assert set(project.places("unknown")) == set(project.marked)


ANOTHER_TYPE = {
    "brackets without a comma": f"PAGES = {TABLE}\nGOLD = («PAGES»)",
    "by a name": f"PAGES = {TABLE}\nTABLES = «PAGES»\nGOLD = TABLES",
    "by a helper": HELPER + 'GOLD = «table»("page", "SELECT page FROM silver")',
    "from another module": "from . import tables\nGOLD = «tables.PAGES»",
}


@pytest.mark.parametrize("code", ANOTHER_TYPE.values(), ids=ANOTHER_TYPE)
def test_a_value_of_another_type_is_found_where_it_is_used(gold, code):
    """A single table in place of a tuple of tables is found where it is taken for one, not where it is made."""
    made = "from streaming_assets import Chart, Field, GoldTable, ScalarType\n" + f"PAGES = {TABLE}\n"
    right = '"clicks"'
    project = gold(code.replace('«"click"»', right), tables=made.replace('«"click"»', right))

    assert project.places("GoldTable(") == project.marked


def test_what_a_value_shows_in_quotes_is_no_name_in_it(gold):
    """A list in place of a tuple is marked as a whole, though its items are quoted."""
    project = gold(f"GOLD = ({TABLE},)".replace('keys=("page",)', 'keys=«["page"]»').replace('«"click"»', '"clicks"'))

    assert project.places("['page']") == project.marked


IMPORTED = {
    "from the package": "from .tables import PAGES\nGOLD = (PAGES,)",
    "under another name": "from .tables import PAGES as P\nGOLD = (P,)",
    "as a module": "from . import tables\nGOLD = (tables.PAGES,)",
    "by its full name": "from shop.tables import PAGES\nGOLD = (PAGES,)",
    "as a module by its full name": "import shop.tables\nGOLD = (shop.tables.PAGES,)",
    "as a module under another name": "import shop.tables as t\nGOLD = (t.PAGES,)",
    "through another module": "from .more import PAGES\nGOLD = (PAGES,)",
}


@pytest.mark.parametrize("code", IMPORTED.values(), ids=IMPORTED)
def test_a_table_is_found_in_the_module_it_comes_from(gold, code):
    """Imports inside of the plugin's package are followed to the file that has the value."""
    from_there = {"tables": f"from streaming_assets import Chart, Field, GoldTable, ScalarType\nPAGES = {TABLE}\n"}
    project = gold(code, more="from .tables import PAGES\n", **from_there)

    assert project.places("'click'") == project.marked


UNCERTAIN = {
    "a name that gets a value twice": (
        f'Y = "click"\nY = "clik"\nGOLD = ({TABLE},)'.replace('«"click"»', "«Y»"),
        "unknown column",
    ),
    "a name that the loop gives": (
        'for Y in ("clik",):\n    pass\n' + f"GOLD = ({TABLE},)".replace('«"click"»', "«Y»"),
        "unknown column",
    ),
    "a value that is computed": (f"GOLD = ({TABLE},)".replace('«"click"»', '«"cli" + "k"»'), "unknown column"),
    "a name that a function changes": (
        'Y = "page"\n\ndef change():\n    global Y\n    Y = "clik"\n\nchange()\n'
        + f"GOLD = ({TABLE},)".replace('«"click"»', "«Y»"),
        "unknown column",
    ),
    "one of two results": (
        f"def y(big=True):\n    if big:\n        return 'clik'\n    return 'page'\n\nGOLD = ({TABLE},)".replace(
            '«"click"»', "«y»()"
        ),
        "unknown column",
    ),
    "a name that a lambda takes": (
        f'Y = "page"\nmake = lambda Y: {TABLE}\nGOLD = (make("clik"),)'.replace('«"click"»', "Y").replace(
            "(make(", "«(»make("
        ),
        "unknown column",
    ),
    "a name of a class": (
        f'Y = "page"\nclass All:\n    Y = "clik"\n    GOLD = ({TABLE},)\n\nGOLD = «All.GOLD»'.replace('«"click"»', "Y"),
        "unknown column",
    ),
    "a name of a function around it": (
        'Y = "page"\n\ndef tables():\n    Y = "clik"\n\n    def table():\n        return '
        + TABLE.replace('«"click"»', "Y")
        + "\n\n    return «(»table(),)\n\nGOLD = tables()",
        "unknown column",
    ),
    "tables of a loop": (
        "GOLD = «tuple»(GoldTable(name=n, description=' ', sql='', keys=(), columns=()) for n in ('a', 'b'))",
        "no text",
    ),
}


@pytest.mark.parametrize(("code", "found"), UNCERTAIN.values(), ids=UNCERTAIN)
def test_what_is_not_certain_has_the_nearest_place(gold, code, found):
    """Where a value can't be known without running the plugin, the place is that of what was given, not a guess."""
    project = gold(code)

    assert set(project.places(found)) == set(project.marked)


def test_only_part_of_a_package_is_needed(gold):
    """A module that can't be parsed by itself, or is not the plugin's, does not keep others from being looked at."""
    project = gold(f"GOLD = ({TABLE},)", unused="def broken(\n")

    assert project.places("'click'") == project.marked


def test_a_source_of_one_call_is_found_behind_any_hook(project, gold):
    """Where the hook can't be followed, the only table of that name in the package is still found."""
    gold(f"GOLD = ({TABLE},)")
    text = (project.folder / "src/shop/__init__.py").read_text("utf-8")
    made = text.replace("    return EventSource(", "    make = EventSource\n    return make(")
    project.put("src/shop/__init__.py", made)

    assert project.places("'click'") == project.marked
