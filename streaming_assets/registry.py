"""Which sources there are: plugins, loaded one by one, so that a broken one costs itself only."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import pluggy

from streaming_assets import hookspecs
from streaming_assets.contract import EventSource
from streaming_assets.errors import Fault, InvalidDefinition, PluginError, StreamingAssetsError, UnknownSource
from streaming_assets.validation import validate

Moment = Literal["import", "registration", "definition", "validation"]
"""When a plugin failed: while its module was imported, its hook looked for, its hook called, its definition checked."""

HOOK = "register_event_source"

_DOING: Mapping[Moment, str] = {
    "import": "while it was imported",
    "registration": "while its hook was registered",
    "definition": f"in {HOOK}()",
    "validation": "while its definition was checked",
}


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin that was left out."""

    name: str
    """Name of its entry point."""
    moment: Moment
    """When it failed."""
    error: StreamingAssetsError
    """Why; the exception that the plugin raised, if any, is its `__cause__`."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The sources that can be used, and the plugins that can't."""

    sources: Mapping[str, EventSource]
    """Sources by name, sorted."""
    broken: tuple[BrokenPlugin, ...] = ()
    """Plugins that were left out, in the order of their names."""

    def get(self, name: str) -> EventSource:
        """Return the source of a name.

        Raises:
            UnknownSource: No loaded plugin registers it; where a plugin of that name was left out, it says why.
        """
        if name in self.sources:
            return self.sources[name]
        reasons = [plugin.error for plugin in self.broken if plugin.name == name]
        raise UnknownSource(
            f"There is no source {name!r}.",
            found="\n".join(f"the plugin {name!r} was left out: {reason}" for reason in reasons) or None,
            expected=f"one of: {', '.join(self.sources)}" if self.sources else "a source, but none is loaded",
            remedy=self._remedy(name) if not reasons else "fix the plugin, or install a version that works",
        )

    def select(self, names: Sequence[str]) -> list[EventSource]:
        """Return the sources of some names, each once, in the order given; of no names, all sources.

        Raises:
            UnknownSource: A name is not known.
        """
        return [self.get(name) for name in dict.fromkeys(names)] if names else list(self.sources.values())

    def _remedy(self, name: str) -> str:
        near = get_close_matches(name, list(self.sources), n=1)
        left_out = ", ".join(dict.fromkeys(plugin.name for plugin in self.broken))
        hints = [f"did you mean {near[0]!r}?"] if near else []
        hints += [f"these plugins were left out: {left_out}"] if left_out else []
        return "; ".join([*hints, "`streaming-assets plugins list` shows all plugins"])


def load_sources(
    *, disabled: Collection[str] = (), entry_points: Iterable[metadata.EntryPoint] | None = None
) -> Registry:
    """Load all plugins and check their definitions. No plugin can make it fail.

    What a plugin prints while it is loaded goes to standard error, as standard output may be read by a program.

    Args:
        disabled: Names of entry points that are not even imported.
        entry_points: Plugins to load; None takes the installed ones of the group `streaming_assets`.
    """
    found = metadata.entry_points(group=hookspecs.PROJECT) if entry_points is None else entry_points
    loading = _Loading()
    for entry_point in sorted(found, key=_order):
        if entry_point.name not in disabled:
            loading.add(entry_point)
    return Registry(MappingProxyType(dict(sorted(loading.sources.items()))), tuple(loading.broken))


def _order(entry_point: metadata.EntryPoint) -> tuple[str, str, str]:
    return entry_point.name, entry_point.value, entry_point.dist.name if entry_point.dist else ""


class _Plugin:
    """pluggy around a single plugin: what one plugin does to its manager can't reach another."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)

    def register(self, plugin: object) -> None:
        """Find the plugin's hook.

        Raises:
            PluginError: It has none.
        """
        self._manager.register(plugin, self._name)
        self._manager.check_pending()
        if not self._manager.hook.register_event_source.get_hookimpls():
            unmarked = callable(getattr(plugin, HOOK, None))
            raise PluginError(
                f"The plugin {self._name!r} registers no source.",
                found=f"{HOOK}() without @hookimpl" if unmarked else f"no {HOOK}() in {_named(plugin)}",
                expected=f"a module with `@hookimpl def {HOOK}()`, where hookimpl comes from streaming_assets",
                meaning="the plugin is left out; all other sources work",
                remedy="mark the function" if unmarked else "write the hook into the module that the entry point names",
            )

    def define(self) -> EventSource:
        """Call the plugin's hook.

        Raises:
            PluginError: It did not return one EventSource.
        """
        results = self._manager.hook.register_event_source()
        if len(results) == 1 and isinstance(results[0], EventSource):
            return results[0]
        kinds = " and ".join(f"a value of the type {type(result).__name__}" for result in results)
        raise PluginError(
            f"The plugin {self._name!r} returned no EventSource from {HOOK}().",
            found=kinds or "None",
            expected="one EventSource",
            meaning="the plugin is left out; all other sources work",
            remedy=f"return one EventSource(…) from {HOOK}()",
        )


class _Loading:
    """What has been loaded so far."""

    def __init__(self) -> None:
        self.sources: dict[str, EventSource] = {}
        self.broken: list[BrokenPlugin] = []
        self._plugins: dict[str, str] = {}

    def add(self, entry_point: metadata.EntryPoint) -> None:
        """Load one plugin; where it fails, note why."""
        try:
            source = self._load(entry_point)
        except _Left as left:
            self.broken.append(BrokenPlugin(entry_point.name, left.moment, left.error))
        else:
            self.sources[source.name] = source
            self._plugins[source.name] = entry_point.name

    def _load(self, entry_point: metadata.EntryPoint) -> EventSource:
        name = entry_point.name
        plugin = _Plugin(name)
        with _boundary(name, "import"):
            module = entry_point.load()
        with _boundary(name, "registration"):
            plugin.register(module)
        with _boundary(name, "definition"):
            source = plugin.define()
        with _boundary(name, "validation"):
            faults = validate(source) or list(self._clashes(source))
            if faults:
                raise InvalidDefinition(name, faults)
        return source

    def _clashes(self, source: EventSource) -> Iterator[Fault]:
        if source.name in self._plugins:
            first = self._plugins[source.name]
            yield Fault("name", f"{source.name!r}, which the plugin {first!r} has", "a name of its own")
        for other in self.sources.values():
            short, long = sorted((other.name, source.name), key=len)
            if long.startswith(f"{short}_"):
                found = f"{source.name!r} beside {other.name!r}, the source of the plugin {self._plugins[other.name]!r}"
                variables = f"STREAMING_ASSETS_{long.upper()}_*"
                yield Fault("name", found, f"a name of its own: {variables} would be options of both sources")
            # To Kafka, names that differ in '.' and '_' only are one: its metrics can't tell them apart.
            if other.topic.name.replace(".", "_") == source.topic.name.replace(".", "_"):
                first = self._plugins[other.name]
                found = f"{source.topic.name!r}, which is {other.topic.name!r}, the topic of the plugin {first!r}"
                yield Fault("topic.name", found, "a topic of its own")


class _Left(Exception):
    """A plugin is left out."""

    def __init__(self, moment: Moment, error: StreamingAssetsError) -> None:
        self.moment = moment
        self.error = error
        super().__init__(error.summary)


@contextlib.contextmanager
def _boundary(name: str, moment: Moment) -> Iterator[None]:
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt:
        raise
    except StreamingAssetsError as error:
        raise _Left(moment, error) from error
    except BaseException as error:  # a plugin may raise anything, SystemExit too, and must not end the program
        raise _Left(moment, _raised(name, moment, error)) from error


def _raised(name: str, moment: Moment, error: BaseException) -> PluginError:
    reason = PluginError(
        f"The plugin {name!r} failed {_DOING[moment]}.",
        found=_described(error),
        expected="a plugin that can be loaded without connecting, exiting or raising",
        meaning="the plugin is left out; all other sources work",
        remedy=f"fix the plugin, uninstall it, or set STREAMING_ASSETS_DISABLED_PLUGINS={name}",
    )
    reason.__cause__ = error
    return reason


def _described(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - the exception is the plugin's own, and so is its text
        text = "a text that can't be shown"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"


def _named(plugin: object) -> str:
    name = getattr(plugin, "__name__", None)
    return name if isinstance(name, str) else f"a value of the type {type(plugin).__name__}"
