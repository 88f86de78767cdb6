"""Loading plugins: real packages, installed into a folder of their own, that do what plugins may do."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Collection, Iterator
from importlib import metadata
from pathlib import Path

import pytest

from streaming_assets.errors import InvalidDefinition, PluginError, StreamingAssetsError, UnknownSource
from streaming_assets.registry import BrokenPlugin, Registry, load_sources

SOURCE = """
from streaming_assets import (
    EventSchema, EventSource, Field, GoldTable, ScalarType, SilverTable, Topic, hookimpl,
)

def source(name={name!r}, topic={topic!r}):
    return EventSource(
        name=name,
        title="Clicks",
        description="What people click.",
        topic=Topic(name=topic),
        schema=EventSchema(
            fields=(
                Field(name="at", type=ScalarType.TIMESTAMP),
                Field(name="page", type=ScalarType.STRING),
            ),
            event_time="at",
        ),
        producer=lambda options: None,
        silver=SilverTable(
            sql="SELECT page FROM events", columns=(Field(name="page", type=ScalarType.STRING),)
        ),
        gold=(
            GoldTable(
                name="pages",
                description="How often each page was clicked.",
                sql="SELECT page, count(*) AS clicks FROM silver GROUP BY page",
                columns=(
                    Field(name="page", type=ScalarType.STRING),
                    Field(name="clicks", type=ScalarType.LONG),
                ),
                keys=("page",),
            ),
        ),
    )
"""

HOOK = """
@hookimpl
def register_event_source():
    return source()
"""


class Site:
    """A folder of installed packages."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.modules: set[str] = set()

    def install(self, name: str, code: str, *, distribution: str | None = None, module: str | None = None) -> None:
        """Install a distribution with one module and one entry point `name`."""
        module = module or f"plugin_of_{distribution or name}"
        self.modules.add(module)
        (self.path / f"{module}.py").write_text(code, "utf-8")
        info = self.path / f"{distribution or name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution or name}\nVersion: 1.0\n", "utf-8")
        (info / "entry_points.txt").write_text(f"[streaming_assets]\n{name} = {module}\n", "utf-8")

    def healthy(self, name: str, *, source: str | None = None, topic: str | None = None, **more: str) -> None:
        """Install a plugin that works."""
        code = SOURCE.format(name=source or name, topic=topic or f"topic_of_{name}")
        self.install(name, code + HOOK, **more)

    def broken(self, name: str, hook: str) -> None:
        """Install a plugin whose hook is written by the test."""
        self.install(name, SOURCE.format(name=name, topic=f"topic_of_{name}") + hook)

    def load(self, *disabled: str, timeout: float = 60, established: Collection[str] = ()) -> Registry:
        """Load what is installed here, and nothing else."""
        installed = metadata.distributions(path=[str(self.path)])
        found = [point for one in installed for point in one.entry_points.select(group="streaming_assets")]
        return load_sources(disabled=disabled, timeout=timeout, established=established, entry_points=found)

    def left_out(self, *, beside: str, timeout: float = 60) -> BrokenPlugin:
        """Load what is installed here, of which one source is there, and one plugin is left out; give that."""
        registry = self.load(timeout=timeout)
        (broken,) = registry.broken
        assert list(registry.sources) == [beside]
        return broken


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Give an empty folder of packages, on the import path."""
    monkeypatch.syspath_prepend(tmp_path)
    site = Site(tmp_path)
    yield site
    for module in site.modules:
        sys.modules.pop(module, None)


RAISING_AT_IMPORT = {
    "an error": ("raise ValueError('no luck')", "ValueError: no luck"),
    "an exit": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "the end of the process": ("import os; os._exit(3)", "os._exit(3)"),
    "a recursion without end": ("def again(): again()\nagain()", "RecursionError"),
    "a warning turned error": (
        "import warnings\nwarnings.simplefilter('error')\nwarnings.warn('old', DeprecationWarning)",
        "DeprecationWarning: old",
    ),
    "an interrupt that is none": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "a base exception": ("class Odd(BaseException): pass\nraise Odd('odd')", "Odd: odd"),
    "a missing module": ("import there_is_no_such_module", "ModuleNotFoundError: No module named"),
    "broken syntax": ("def", "SyntaxError"),
    "an exception whose text raises": (
        "class Mute(Exception):\n    def __str__(self): raise RuntimeError\nraise Mute",
        "Mute: a text that can't be shown",
    ),
}


@pytest.mark.parametrize(("code", "found"), RAISING_AT_IMPORT.values(), ids=RAISING_AT_IMPORT)
def test_plugin_that_raises_at_import_is_left_out(site: Site, code: str, found: str) -> None:
    """Whatever a plugin raises while it is imported is reported with its name and that moment; the others load."""
    site.install("bad", code)
    site.healthy("good")

    broken = site.left_out(beside="good")

    assert (broken.name, broken.moment) == ("bad", "import")
    assert found in (broken.error.found or "")
    assert "'bad'" in str(broken.error)


def test_an_error_of_a_plugins_own_kind_is_told(site: Site) -> None:
    """A plugin's own kind of the framework's error, made without calling it, is told, and costs the others nothing."""
    kind = "class Odd(StreamingAssetsError):\n    def __init__(self, text):\n        self.text = text\n"
    site.install("bad", f"from streaming_assets.errors import StreamingAssetsError\n{kind}\nraise Odd('no luck today')")
    site.healthy("good")

    broken = site.left_out(beside="good")

    assert (broken.moment, broken.error.summary) == ("import", "no luck today")


def test_interrupt_ends_loading(site: Site) -> None:
    """A person who interrupts while plugins load is obeyed, also where a plugin does not come back."""
    site.install(
        "slow", "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)", module="is_interrupted"
    )

    with pytest.raises(KeyboardInterrupt):
        site.load()


HANGING = {
    "at import": ("import time\n\ntime.sleep(600)", "import", "line 3"),
    "in its hook": (
        "from streaming_assets import hookimpl\n@hookimpl\ndef register_event_source():\n    while True:\n        pass",
        "definition",
        "line ",
    ),
}


@pytest.mark.parametrize(("code", "moment", "line"), HANGING.values(), ids=HANGING)
def test_plugin_that_does_not_come_back_is_left_out(site: Site, code: str, moment: str, line: str) -> None:
    """A plugin that waits for ever is left out after the time it may take, with the line at which it is."""
    # A module of a name that no other test imports: its import does not end before this process does.
    site.install("bad", code, module=f"hangs_{moment}")
    site.healthy("good")

    broken = site.left_out(beside="good", timeout=0.5)

    assert (broken.name, broken.moment) == ("bad", moment)
    assert f"hangs_{moment}.py, {line}" in (broken.error.found or "")
    assert "STREAMING_ASSETS_DISABLED_PLUGINS=bad" in (broken.error.remedy or "")


def test_what_a_plugin_changes_of_the_process_is_put_back(site: Site) -> None:
    """Neither the next plugin nor whoever loads them sees another working directory."""
    site.install("bad", "import os\nos.chdir('/')")
    before = Path.cwd()
    site.load()
    assert Path.cwd() == before


HOOKS = {
    "no hook": ("", "registration", "no register_event_source()"),
    "no marker": ("\ndef register_event_source():\n    return source()\n", "registration", "without @hookimpl"),
    "misspelt": ("\n@hookimpl\ndef register_event_sorce():\n    return source()\n", "registration", "event_sorce"),
    "a parameter too many": (
        "\n@hookimpl\ndef register_event_source(broker):\n    return source()\n",
        "registration",
        "broker",
    ),
    "raising": ("\n@hookimpl\ndef register_event_source():\n    return 1 / 0\n", "definition", "division by zero"),
    "exiting": ("\n@hookimpl\ndef register_event_source():\n    raise SystemExit\n", "definition", "SystemExit"),
    "nothing": ("\n@hookimpl\ndef register_event_source():\n    return None\n", "definition", "None"),
    "a list": ("\n@hookimpl\ndef register_event_source():\n    return [source()]\n", "definition", "type list"),
    "text": ("\n@hookimpl\ndef register_event_source():\n    return 'source'\n", "definition", "type str"),
    "two sources": (
        HOOK + "\n@hookimpl(specname='register_event_source')\ndef another():\n    return source('b', 'b')\n",
        "definition",
        "type EventSource and a value of the type EventSource",
    ),
}


@pytest.mark.parametrize(("hook", "moment", "found"), HOOKS.values(), ids=HOOKS)
def test_plugin_with_a_wrong_hook_is_left_out(site: Site, hook: str, moment: str, found: str) -> None:
    """A hook that is missing, misspelt, unmarked, failing or gives no source costs its own plugin only."""
    site.broken("bad", hook)
    site.healthy("good")

    broken = site.left_out(beside="good")

    assert (broken.name, broken.moment) == ("bad", moment)
    assert isinstance(broken.error, PluginError)
    assert found in str(broken.error)


def test_invalid_definition_is_reported_with_all_its_faults(site: Site) -> None:
    """A definition with faults is left out, and the error holds every one of them."""
    site.broken(
        "bad",
        "\nfrom dataclasses import replace\n@hookimpl\ndef register_event_source():\n"
        "    return replace(source(), name='Bad Name', title='', owners=('nobody',))\n",
    )

    (broken,) = site.load().broken

    assert broken.moment == "validation"
    assert isinstance(broken.error, InvalidDefinition)
    assert [fault.where for fault in broken.error.faults] == ["name", "title", "owners[0]"]


def test_garbage_in_a_definition_is_a_fault(site: Site) -> None:
    """A definition whose parts have wrong types is reported as invalid, not as a crash."""
    site.broken(
        "bad",
        "\nfrom dataclasses import replace\n@hookimpl\ndef register_event_source():\n"
        "    return replace(source(), gold='none', topic=7, name=None)\n",
    )

    (broken,) = site.load().broken

    assert isinstance(broken.error, InvalidDefinition)
    assert {fault.where for fault in broken.error.faults} == {"name", "topic", "gold"}


def test_second_plugin_of_a_source_name_is_left_out(site: Site) -> None:
    """Of two plugins with one source name the first by entry-point name stays, and the reason names it."""
    site.healthy("b_second", source="clicks")
    site.healthy("a_first", source="clicks")

    registry = site.load()

    (broken,) = registry.broken
    assert list(registry.sources) == ["clicks"]
    assert registry.sources["clicks"].topic.name == "topic_of_a_first"
    assert (broken.name, broken.moment) == ("b_second", "validation")
    assert "'a_first'" in str(broken.error)


def test_a_plugin_named_as_its_source_has_it(site: Site) -> None:
    """Of two plugins with one source name, or topic, the one that is named as its source stays, whoever comes first."""
    site.healthy("a_first", source="clicks", topic="elsewhere")
    site.healthy("b_second", source="visits", topic="topic_of_clicks")
    site.healthy("clicks")

    registry = site.load()

    assert {name: source.topic.name for name, source in registry.sources.items()} == {"clicks": "topic_of_clicks"}
    assert [(plugin.name, plugin.moment) for plugin in registry.broken] == [
        ("a_first", "validation"),
        ("b_second", "validation"),
    ]
    assert "STREAMING_ASSETS_DISABLED_PLUGINS=a_first" in str(registry.broken[0].error)


def test_a_source_with_tables_is_not_displaced(site: Site) -> None:
    """What a source has that was there before, no newcomer takes from it, however it is called."""
    site.healthy("clicks", topic="wanted")
    site.healthy("wanted", topic="wanted")

    assert list(site.load().sources) == ["wanted"]
    assert list(site.load(established=["clicks"]).sources) == ["clicks"]


@pytest.mark.parametrize("names", [("clicks", "clicks_paid"), ("clicks_paid", "clicks")])
def test_second_plugin_whose_options_are_also_those_of_another_is_left_out(site: Site, names: tuple[str, str]) -> None:
    """Of two sources where the variables of one would be options of the other too, the second is left out."""
    first, second = names
    site.healthy("a_first", source=first)
    site.healthy("b_second", source=second)

    broken = site.left_out(beside=first)

    assert (broken.name, broken.moment) == ("b_second", "validation")
    assert "STREAMING_ASSETS_CLICKS_PAID_*" in str(broken.error)
    assert "'a_first'" in str(broken.error)


def test_names_that_only_begin_alike_are_fine(site: Site) -> None:
    """Sources whose variables can be told apart are both loaded."""
    site.healthy("clicks")
    site.healthy("clicks2")

    assert list(site.load().sources) == ["clicks", "clicks2"]


def test_entry_point_registered_twice_loads_once(site: Site) -> None:
    """Two distributions with the same entry point give one source and one reason."""
    site.healthy("clicks", distribution="clicks_old", module="plugin_of_clicks")
    site.healthy("clicks", distribution="clicks_new", module="plugin_of_clicks")

    registry = site.load()

    assert list(registry.sources) == ["clicks"]
    assert [(plugin.name, plugin.moment) for plugin in registry.broken] == [("clicks", "validation")]


@pytest.mark.parametrize("topic", ["shared.topic", "shared_topic"])
def test_second_plugin_of_a_topic_is_left_out(site: Site, topic: str) -> None:
    """Of two plugins with one topic, also in Kafka's reading of dots, the second is left out."""
    site.healthy("first", topic="shared.topic")
    site.healthy("second", topic=topic)

    broken = site.left_out(beside="first")

    assert isinstance(broken.error, InvalidDefinition)
    assert [fault.where for fault in broken.error.faults] == ["topic.name"]
    assert "'first'" in str(broken.error)


def test_disabled_plugin_is_not_imported(site: Site, tmp_path: Path) -> None:
    """A disabled plugin's code does not run at all."""
    trace = tmp_path / "trace"
    site.install("noisy", f"open({str(trace)!r}, 'w').close()")

    registry = site.load("noisy")

    assert (dict(registry.sources), registry.broken, trace.exists()) == ({}, (), False)
    assert registry.disabled == ("noisy",)


def test_a_plugin_is_disabled_by_its_distribution_too(site: Site) -> None:
    """Of two plugins with one name, one can be disabled by the name of its package."""
    site.healthy("clicks", distribution="clicks-of-ours", module="plugin_of_ours")
    site.install("clicks", "raise ValueError('no luck')", distribution="clicks-of-others")

    registry = site.load("clicks-of-others")

    assert (list(registry.sources), registry.broken) == (["clicks"], ())


def test_a_disabled_source_says_so(site: Site) -> None:
    """Asking for a source whose plugin is disabled names the setting."""
    site.healthy("clicks")

    with pytest.raises(UnknownSource, match="take clicks out of STREAMING_ASSETS_DISABLED_PLUGINS"):
        site.load("clicks").get("clicks")


def test_sources_are_sorted_by_name(site: Site) -> None:
    """Sources come in the order of their names, whatever their plugins are called."""
    site.healthy("a", source="zebra")
    site.healthy("b", source="ant")

    assert list(site.load().sources) == ["ant", "zebra"]


def test_broken_plugin_keeps_its_cause(site: Site) -> None:
    """The exception that a plugin raised stays at hand for whoever mends it, and its place is named."""
    site.install("bad", "\n\nraise ValueError('no luck')")

    (broken,) = site.load().broken

    assert isinstance(broken.error.__cause__, ValueError)
    assert "plugin_of_bad.py, line 3" in (broken.error.found or "")


def test_errors_of_plugins_survive_pickling(site: Site) -> None:
    """What is wrong with a plugin can be handed to another process, word for word."""
    site.install("bad", "raise ValueError('no luck')")

    (broken,) = site.load().broken

    assert str(pickle.loads(pickle.dumps(broken.error))) == str(broken.error)  # noqa: S301 - made a moment ago


def test_known_source_is_returned(site: Site) -> None:
    """A source is found by its name."""
    site.healthy("clicks")

    assert site.load().get("clicks").name == "clicks"


def test_unknown_source_suggests_the_nearest(site: Site) -> None:
    """An unknown name is answered with the nearest name and with all there are."""
    site.healthy("clicks")
    site.healthy("orders")

    with pytest.raises(UnknownSource) as caught:
        site.load().get("cliks")

    assert caught.value.expected == "one of: clicks, orders"
    assert "did you mean 'clicks'?" in str(caught.value)


def test_source_of_a_broken_plugin_says_why_it_is_missing(site: Site) -> None:
    """Asking for a source whose plugin was left out gives the reason it was left out for."""
    site.install("clicks", "raise ValueError('no luck')")

    with pytest.raises(UnknownSource, match="no luck"):
        site.load().get("clicks")


def test_unknown_source_mentions_what_was_left_out(site: Site) -> None:
    """Where plugins were left out, an unknown name is answered with their names too."""
    site.install("clicks_plugin", "raise ValueError('no luck')")

    with pytest.raises(UnknownSource, match="left out: clicks_plugin"):
        site.load().get("clicks")


def test_selection_of_nothing_is_everything(site: Site) -> None:
    """No names select all sources, names select each one once, in their order."""
    site.healthy("clicks")
    site.healthy("orders")
    registry = site.load()

    assert [source.name for source in registry.select([])] == ["clicks", "orders"]
    assert [source.name for source in registry.select(["orders", "clicks", "orders"])] == ["orders", "clicks"]


def test_selection_of_an_unknown_name_is_an_error(site: Site) -> None:
    """A selection with an unknown name is refused as a whole."""
    site.healthy("clicks")

    with pytest.raises(UnknownSource):
        site.load().select(["clicks", "nothing"])


def test_sources_can_not_be_changed(site: Site) -> None:
    """The registry's sources are read-only."""
    site.healthy("clicks")

    with pytest.raises(TypeError):
        site.load().sources["more"] = site.load().get("clicks")  # type: ignore[index]


def test_what_plugins_print_goes_to_standard_error(site: Site) -> None:
    """A plugin that prints while it is loaded does not spoil standard output, where a program may read JSON."""
    site.broken("chatty", "\nprint('imported')" + HOOK.replace("    return", "    print('called')\n    return"))
    program = (
        f"import sys; sys.path.insert(0, {str(site.path)!r})\n"
        "from streaming_assets.registry import load_sources\n"
        "print('chatty' in load_sources().sources)"
    )

    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert ran.stdout == "True\n"
    assert "imported\ncalled\n" in ran.stderr


def test_installed_plugins_are_found(site: Site) -> None:
    """Without a list of entry points, all installed distributions of the group are loaded."""
    site.healthy("clicks")

    assert "clicks" in load_sources().sources


def test_every_reason_is_an_error_of_the_framework(site: Site) -> None:
    """Each reason says what was found and what to do, as all errors of the framework do."""
    site.install("bad", "raise ValueError('no luck')")
    site.broken("worse", "")

    errors = [plugin.error for plugin in site.load().broken]

    assert all(isinstance(error, StreamingAssetsError) and error.found and error.remedy for error in errors)
    assert len(errors) == 2
