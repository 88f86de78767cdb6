"""`plugins check`: the place of each fault of plugins that are really installed, or lie in a folder."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

GOOD = '''
from textwrap import dedent

from streaming_assets import (
    Chart, EventSchema, EventSource, Field, GoldTable, Rule, ScalarType, SilverTable, Struct, Topic, hookimpl,
)

TEXT = ScalarType.STRING


def produce(options):
    return None


def column(name, kind=TEXT):
    return Field(name=name, type=kind)


def schema():
    return EventSchema(
        fields=(
            Field(name="at", type=ScalarType.TIMESTAMP),
            Field(name="page", type=TEXT),
            Field(name="user", type=Struct(fields=(Field(name="login", type=TEXT),))),
        ),
        event_time="at",
    )


WINDOW = (Field(name="window_start", type=ScalarType.TIMESTAMP), Field(name="window_end", type=ScalarType.TIMESTAMP))

PAGES = GoldTable(
    name="pages",
    description="Clicks of each page.",
    window="1 hour",
    sql="""
        SELECT window_start, window_end, page, count(*) AS clicks
        FROM silver
        GROUP BY ALL
    """,
    columns=(*WINDOW, column("page"), column("clicks", ScalarType.LONG)),
    keys=("window_start", "page"),
    charts=(
        Chart(kind="bar", title="Clicks", x="page", y="clicks"),
        Chart(kind="table", title="All"),
    ),
)

USERS = GoldTable(
    name="users",
    description="Clicks of each user.",
    per="login",
    sql=dedent("""
        SELECT login, count(*) AS clicks
        FROM silver GROUP BY login
    """),
    columns=(column("login"), column("clicks", ScalarType.LONG)),
    keys=("login",),
)


@hookimpl
def register_event_source():
    source = EventSource(
        name="NAME",
        title="Clicks",
        description="What people click.",
        topic=Topic(name="topic_of_NAME", key="page"),
        schema=schema(),
        producer=produce,
        silver=SilverTable(
            sql="SELECT page, "
                "user.login AS login FROM events",
            columns=(column("page"), column("login")),
        ),
        gold=(PAGES,) + (USERS,),
    )
    return source
'''


def changed(old: str, new: str) -> str:
    """Return the good plugin with a fault, which stands between « and »."""
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


DEFINITIONS = {
    "topic_key": (changed('key="page"', 'key=«"pge"»'), "topic.key", "'page'"),
    "event_time": (changed('event_time="at"', 'event_time=«"att"»'), "schema.event_time", "'at'"),
    "subject": (changed('"at",\n    )', '"at", subject=«"user.logn"»)'), "schema.subject", "'user.login'"),
    "pseudonym": (
        changed('"at",\n    )', '"at",\n pseudonymous=("page",\n  «"user.lgin"»))'),
        "schema.pseudonymous",
        "'user.login'",
    ),
    "rule": (
        changed('"at",\n    )', '"at",\n rules=(\n  Rule(field=«"pags"», pattern="[a-z]"),\n ))'),
        "schema.rules[0].field",
        "'page'",
    ),
    "wrong_type": (
        changed('"login", type=TEXT', '"login", type=«"text"»'),
        "schema.fields.user.type.fields.login.type",
        "ScalarType",
    ),
    "silver_sql": (changed("user.login AS", "user.«logn» AS"), "silver.sql", "'login'"),
    "silver_column": (
        changed('(column("page"), column("login"))', '(column("page"), column("login"), column(name=«"a-b"»))'),
        "silver.columns.a-b",
        "letters, digits",
    ),
    "gold_sql": (changed("window_end, page, count", "window_end, «pag», count"), "gold.pages.sql", "'page'"),
    "dedented_sql": (changed("SELECT login,", "SELECT «logn» AS login,"), "gold.users.sql", "'login'"),
    "result_column": (changed("page, count(*) AS clicks", "page, count(*) AS «cliks»"), "gold.pages.sql", "'clicks'"),
    "declared_column": (
        changed(
            'column("login"), column("clicks", ScalarType.LONG)),',
            'column(«"logn"»), column("clicks", ScalarType.LONG)),',
        ),
        "gold.users.columns.logn",
        "every declared column",
    ),
    "sql_function": (changed("login, count(*)", "login, «cnt»(*)"), "gold.users.sql", "'count'"),
    "sql_syntax": (changed("GROUP BY login", "GRUP «BY» login"), "gold.users.sql", "Spark SQL"),
    "keys": (
        changed('("window_start", "page")', '(\n        "window_start",\n        «"pages"»)'),
        "gold.pages.keys",
        "'page'",
    ),
    "per": (changed('per="login"', 'per=«"logn"»'), "gold.users.per", "'login'"),
    "window": (changed('window="1 hour"', 'window=«"hourly"»'), "gold.pages.window", "a unit"),
    "chart_x": (changed('x="page"', 'x=«"pag"»'), "gold.pages.charts[0].x", "'page'"),
    "chart_y": (changed('y="clicks"', 'y=«"click"»'), "gold.pages.charts[0].y", "'clicks'"),
    "chart_series": (changed('y="clicks"', 'y="clicks", series=«"pags"»'), "gold.pages.charts[0].series", "'page'"),
    "chart_sort": (changed('title="All"', 'title="All", sort=«"clcks"»'), "gold.pages.charts[1].sort", "'clicks'"),
    "chart_kind": (changed('kind="table"', 'kind=«"tabel"»'), "gold.pages.charts[1].kind", "'table'"),
    "chart_without_y": (changed('Chart(kind="table"', '«Chart»(kind="metric"'), "gold.pages.charts[1].y", "draws"),
    "producer": (changed("def produce(options)", "def «produce»()"), "producer", "one argument"),
    "silver_function": (
        changed('sql="SELECT page, "\n                "user.login AS login FROM events"', "function=«lambda: None»"),
        "silver.function",
        "one argument",
    ),
    "title": (changed('title="Clicks",\n        desc', 'title=«""»,\n        desc'), "title", "words"),
    "window_and_per": (
        changed("PAGES = GoldTable(", 'PAGES = «GoldTable»(\n    per="page",'),
        "gold.pages",
        "at most one",
    ),
    "two_tables": (
        changed("(PAGES,) + (USERS,)", "(PAGES, USERS, PAGES)").replace("PAGES = GoldTable", "PAGES = «GoldTable»"),
        "gold",
        "of their own",
    ),
}
"""Faults of a definition, by the name of the plugin that has them: its code, the path, what is expected."""

MOMENTS = {
    "syntax": ("x = «(»1,\ny = 2\n", "import", "SyntaxError: '(' was never closed", "Python"),
    "raising": (
        "import json\n\n\ndef read():\n    return «json.loads('[red]')»\n\n\nX = read()\n",
        "import",
        "JSONDecodeError",
        "without connecting",
    ),
    "exiting": ("import sys\n\n«sys.exit(3)»\n", "import", "SystemExit: 3", "without connecting"),
    "dependency": ("«import no_such_module»\n", "import", "no module 'no_such_module'", "`pip install no_such_module`"),
    "imported": ("«from streaming_assets import EventSurce»\n", "import", "cannot import name", "'EventSource'"),
    "undefined": ("page = 1\nX = «pag»\n", "import", "NameError", "'page'"),
    "type_name": (changed("= ScalarType.STRING", "= «ScalarType.STRNG»"), "import", "STRNG", "'STRING'"),
    "unmarked": (
        changed("@hookimpl\ndef register_event_source", "def «register_event_source»"),
        "hook",
        "",
        "@hookimpl",
    ),
    "misspelt": (
        changed("register_event_source()", "«register_event_sorce»()"),
        "hook",
        "register_event_sorce()",
        "register_event_source()",
    ),
    "with_parameter": (
        changed("source():", "source(x):").replace("register_event_source", "«register_event_source»"),
        "hook",
        "(x)",
        "without parameters",
    ),
    "dividing": (changed("return source", "return «1 / 0»"), "register_event_source()", "ZeroDivisionError", "without"),
    "keyword": (
        changed('description="What', '«descripton»="What'),
        "register_event_source()",
        "unexpected keyword argument 'descripton'",
        "'description'",
    ),
    "argument": (
        changed("        gold=(PAGES,) + (USERS,),\n", "").replace("source = EventSource(", "«source = EventSource»("),
        "register_event_source()",
        "missing 1 required",
        "'gold'",
    ),
    "tuple": (changed("return source", "return «source,»"), "register_event_source()", "tuple", "one EventSource"),
    "class": (
        changed("return source", "return «EventSource»"),
        "register_event_source()",
        "the class EventSource itself",
        "one EventSource",
    ),
}
"""Faults that keep a plugin from being defined: its code, the moment, what is found, what is expected."""


def place(marked: str, name: str = "") -> tuple[int, int]:
    """Return line and column, from 1, of what stands between the marks, in the plugin of a name."""
    before = marked.partition("«")[0].replace("NAME", name)
    return before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1


def plain(marked: str, name: str) -> str:
    """Return the code without marks."""
    return re.sub("[«»]", "", marked).replace("NAME", name)


@pytest.fixture(scope="module")
def faulty(new_command_line, tmp_path_factory):
    """The command line where all faulty plugins are installed, and one that is good."""
    line = new_command_line(tmp_path_factory.mktemp("faulty"))
    line.install("good", plain(GOOD, "good"))
    for name, (code, *_) in {**DEFINITIONS, **MOMENTS}.items():
        line.install(name, plain(code, name))
    line.install("hookless", "X = 1\n")
    return line


@pytest.fixture(scope="module")
def told(faulty):
    """What the check says of the faulty plugins, by name."""
    return {each["name"]: each for each in json.loads(faulty.run("plugins", "check", "--json").stdout)}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_fault_of_a_definition_has_file_line_and_column(name, faulty, told):
    """A fault of a definition is told with the exact place of the value that is wrong, and what should stand there."""
    code, where, expected = DEFINITIONS[name]
    line, column = place(code, name)
    known = (f"site/plugin_{name}.py", line, column, where)

    faults = [fault for fault in told[name]["faults"] if expected in fault["expected"]]

    assert known in [(fault["file"], fault["line"], fault["column"], fault["where"]) for fault in faults]
    assert (faulty.folder / known[0]).read_text("utf-8") == plain(code, name)


@pytest.mark.parametrize("name", MOMENTS)
def test_what_keeps_a_plugin_from_loading_has_file_line_and_column(name, told):
    """What a plugin raises, and a hook that is none, is told with the line of the plugin that is to be changed."""
    code, where, found, expected = MOMENTS[name]
    (fault,) = told[name]["faults"]

    assert (fault["file"], fault["line"], fault["column"]) == (f"site/plugin_{name}.py", *place(code, name))
    assert (fault["where"], found in fault["found"], expected in fault["expected"]) == (where, True, True), fault


def test_a_module_without_a_hook_is_told_by_its_file(told):
    """Where there is no line to show, the file is named, and no line."""
    (fault,) = told["hookless"]["faults"]

    assert (fault["file"], fault["line"], fault["column"]) == ("site/plugin_hookless.py", None, None)
    assert "@hookimpl" in fault["expected"]


def test_good_plugins_have_no_faults(faulty, told):
    """The plugin that all faulty ones were made of passes, also beside them."""
    assert "good" not in told
    assert faulty.ok("plugins", "check", "good").split() == ["✓", "good"]


def test_the_line_is_shown_with_a_mark_below(faulty):
    """A person sees file and line, the line itself with a mark below what is wrong, found, expected, what to do."""
    done = faulty.run("plugins", "check", "gold_sql")
    line, column = place(DEFINITIONS["gold_sql"][0])
    shown = done.stderr.splitlines()
    at = shown.index(f"site/plugin_gold_sql.py:{line}:{column}  gold.pages.sql")

    assert done.returncode == 1
    assert shown[at + 1].split("│")[1].strip() == "SELECT window_start, window_end, pag, count(*) AS clicks"
    assert shown[at + 2].index("^^^") == shown[at + 1].index("pag,")
    assert shown[at + 3] == "  found     the unknown column 'pag'"
    assert shown[at + 4].startswith("  expected  'page', or one of: ")
    assert "`streaming-assets plugins check gold_sql`" in " ".join(done.stderr.split())


def test_every_line_fits_the_terminal(faulty):
    """Nothing that is shown is wider than 80 columns, and no stack trace is among it."""
    done = faulty.run("plugins", "check")

    assert [line for line in done.stderr.splitlines() if len(line) > 80] == []
    assert "Traceback" not in done.stderr


def test_texts_of_plugins_are_shown_as_they_stand(offline):
    """What looks like markup in a plugin is shown, and what would steer a terminal is not sent to it."""
    offline.install("marked", "raise ValueError('[bold]loud[/bold] [/] \\x1b[2J')  # [red]\n")

    done = offline.run("plugins", "check", "marked")

    assert "ValueError: [bold]loud[/bold] [/] \ufffd[2J" in done.stderr
    assert "# [red]" in done.stderr
    assert "\x1b" not in done.stderr


def test_a_value_that_is_computed_has_the_nearest_place(offline):
    """SQL that is put together when the plugin runs is shown by itself, at the line of what puts it together."""
    code = changed('"SELECT page, "\n', '«"SELECT {}, ".format("pag") +\n')
    offline.install("computed", plain(code, "computed"))

    done = offline.run("plugins", "check", "computed", "--json")
    fault = next(each for each in json.loads(done.stdout)[0]["faults"] if "unknown column" in each["found"])
    shown = offline.run("plugins", "check", "computed").stderr

    assert (fault["file"], fault["line"]) == ("site/plugin_computed.py", place(code)[0])
    assert fault["found"] == "the unknown column 'pag' at line 1, column 8 of the SQL"
    assert "SQL 1 │ SELECT pag, user.login AS login FROM events" in shown


def test_fields_made_in_a_loop_have_the_nearest_place(offline):
    """A table whose columns are computed is told by the line of the columns, and not by a line that was guessed."""
    code = changed(
        '(column("login"), column("clicks", ScalarType.LONG))',
        '«tuple»(column(name, ScalarType.EPOCH_SECONDS) for name in ("login", "clicks"))',
    )
    offline.install("computed", plain(code, "computed"))

    (plugin,) = json.loads(offline.run("plugins", "check", "computed", "--json").stdout)
    fault = next(each for each in plugin["faults"] if each["where"] == "gold.users.columns.login")

    assert fault["line"] == place(code)[0]


def test_two_plugins_of_one_name_are_told_apart(offline):
    """Of two packages whose plugins have the same name, the second is told, with the package of the first."""
    offline.install("first", plain(GOOD, "clicks"))
    offline.install("second", plain(GOOD, "clicks"))
    entry = offline.folder / "site" / "second-1.0.dist-info" / "entry_points.txt"
    entry.write_text("[streaming_assets]\nfirst = plugin_second\n", "utf-8")

    done = offline.run("plugins", "check", "first")
    fault = json.loads(offline.run("plugins", "check", "first", "--json").stdout)[0]["faults"][0]

    assert done.stdout.split() == ["✓", "clicks", "(plugin", "first)"]
    assert "✗ first (second 1.0): " in done.stderr
    assert (fault["where"], fault["line"]) == ("name", place(changed('name="NAME"', 'name=«"NAME"»'))[0])
    assert "the plugin 'first' of first" in fault["found"]


def entry_point(line, name: str, text: str) -> None:
    """Install a package with a file of entry points."""
    line.install(name, "X = 1\n")
    (line.folder / "site" / f"{name}-1.0.dist-info" / "entry_points.txt").write_text(text, "utf-8")


def test_an_entry_point_without_its_module_is_a_fault(offline):
    """An entry point that names a module which is not there is told as it is written."""
    entry_point(offline, "clicks", "[streaming_assets]\nclicks = plugin_clickz\n")

    (plugin,) = json.loads(offline.run("plugins", "check", "clicks", "--json").stdout)
    (fault,) = plugin["faults"]

    assert fault["where"] == "entry point"
    assert fault["found"] == "`clicks = \"plugin_clickz\"`, but no module 'plugin_clickz'"


def test_a_group_of_nearly_the_right_name_is_a_fault(offline):
    """An entry point in a group that nobody reads is found, as its group's name is nearly the right one."""
    entry_point(offline, "clicks", "[streaming-assets]\nclicks = plugin_clicks\n")

    told = offline.run("plugins", "check")

    assert told.returncode == 1
    assert "✗ clicks (clicks 1.0): 1 fault" in told.stderr
    assert "found     the group 'streaming-assets'" in told.stderr


def test_a_package_without_an_entry_point_is_a_fault(offline):
    """A package that is installed, asked for by its name, but registers nothing, is told what it lacks."""
    entry_point(offline, "streaming_assets_clicks", "[console_scripts]\nx = plugin_clicks\n")

    told = offline.fails("plugins", "check", "clicks")

    assert "the package streaming_assets_clicks 1.0 without an entry point in the group 'streaming_assets'" in told
    assert "[project.entry-points.streaming_assets]" in told


def test_a_name_of_nothing_is_answered_with_the_nearest(offline):
    """What is neither a plugin nor a path is an error that lists the plugins and offers the nearest."""
    told = offline.fails("plugins", "check", "github_event")

    assert "There is neither a plugin nor a file or folder 'github_event'." in told
    assert "did you mean 'github_events'?" in told
    assert "one of: github_events, user_interactions" in told
    assert "file or folder './shop'" in offline.fails("plugins", "check", "./shop")


def test_a_project_is_checked_where_it_lies(offline):
    """A folder that is not installed is checked by its path, and is the same folder afterwards."""
    project = offline.folder / "shop"
    offline.ok("plugins", "new", "shop", "--sample", sample(offline.folder), "--folder", project)
    gold = project / "src" / "streaming_assets_shop" / "gold.py"
    assert offline.ok("plugins", "check", "shop").split() == ["✓", "shop"]
    code = gold.read_text("utf-8").replace("count(*) AS events", "count(«evnt») AS events")
    gold.write_text(plain(code, ""), "utf-8")
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}

    done = offline.run("plugins", "check", "./shop", "--json")
    (plugin,) = json.loads(done.stdout)

    line, column = place(code)
    found = [(fault["file"], fault["line"], fault["column"]) for fault in plugin["faults"]]
    assert ("shop/src/streaming_assets_shop/gold.py", line, column) in found
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before


def sample(folder: Path) -> Path:
    """Write some events."""
    file = folder / "sample.jsonl"
    events = [{"id": f"a{n}", "at": f"2026-01-01T12:00:0{n}Z", "shop": "north"} for n in range(3)]
    file.write_text("".join(json.dumps(event) + "\n" for event in events), "utf-8")
    return file
