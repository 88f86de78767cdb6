"""Loading one plugin apart from the rest: import its module, find and call its hook, check its definition."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import TypeVar

import pluggy

from streaming_assets import hookspecs
from streaming_assets.contract import EventSource
from streaming_assets.errors import InvalidDefinition, PluginError, StreamingAssetsError
from streaming_assets.isolation import Apart, Escaped, Hung, described, kept_state
from streaming_assets.registry.sources import Moment
from streaming_assets.validation import validate

T = TypeVar("T")

HOOK = "register_event_source"

_DOING: Mapping[Moment, str] = {
    "import": "while it was imported",
    "registration": "while its hook was registered",
    "definition": f"in {HOOK}()",
    "validation": "while its definition was checked",
}


class LeftOut(Exception):
    """A plugin is left out."""

    def __init__(self, moment: Moment, error: StreamingAssetsError) -> None:
        self.moment = moment
        self.error = error
        super().__init__(error.summary)


class PluginLoader:
    """Loads one plugin, apart from all else."""

    def __init__(self, entry_point: metadata.EntryPoint, timeout: float) -> None:
        self._entry_point = entry_point
        self._timeout = timeout
        self._apart = Apart(f"the plugin {entry_point.name}", entry_point.value)  # which may name no module

    def load(self) -> EventSource:
        """Return its source.

        Raises:
            LeftOut: It failed.
        """
        plugin = _Plugin(self._entry_point.name)
        try:
            module = self._at("import", self._entry_point.load)
            self._at("registration", lambda: plugin.register(module))
            source = self._at("definition", plugin.define)
            if faults := self._at("validation", lambda: validate(source)):
                raise LeftOut("validation", InvalidDefinition(self._entry_point.name, faults))
            return source
        finally:
            self._apart.end()

    def _at(self, moment: Moment, step: Callable[[], T]) -> T:
        name = self._entry_point.name
        try:
            with kept_state():
                return self._apart.call(step, limit=self._timeout)
        except StreamingAssetsError as error:
            raise LeftOut(moment, error) from error
        except Hung as error:
            raise LeftOut(moment, _hung(name, moment, error)) from None
        except Escaped as error:
            raise LeftOut(moment, _raised(name, moment, error.__cause__ or error)) from error
        except Exception as error:
            raise LeftOut(moment, _raised(name, moment, error)) from error


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
        kinds = " and ".join(map(_kind, results))
        raise PluginError(
            f"The plugin {self._name!r} returned no EventSource from {HOOK}().",
            found=kinds or "None",
            expected="one EventSource",
            meaning="the plugin is left out; all other sources work",
            remedy=f"return one EventSource(…) from {HOOK}()",
        )


def _hung(name: str, moment: Moment, error: Hung) -> PluginError:
    return PluginError(
        f"The plugin {name!r} did not come back {_DOING[moment]}.",
        found=str(error),
        expected="a plugin that is loaded without waiting for anything",
        meaning="the plugin is left out; all other sources work",
        remedy=f"fix the plugin, set STREAMING_ASSETS_DISABLED_PLUGINS={name}, or give it more time by "
        "STREAMING_ASSETS_PLUGIN_TIMEOUT_SECONDS",
    )


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
    """Return what it raised, and the file and line it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{described(error)}{place}"


def _kind(result: object) -> str:
    return (
        f"the class {result.__name__} itself"
        if isinstance(result, type)
        else f"a value of the type {type(result).__name__}"
    )


def _named(plugin: object) -> str:
    name = getattr(plugin, "__name__", None)
    return name if isinstance(name, str) else f"a value of the type {type(plugin).__name__}"
