"""Loading all plugins, one by one, so that a broken one costs itself only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from importlib import metadata
from types import MappingProxyType

from streaming_assets import hookspecs
from streaming_assets.contract import EventSource
from streaming_assets.errors import Fault, InvalidDefinition, StreamingAssetsError
from streaming_assets.registry.clashes import is_same_topic, shared_options
from streaming_assets.registry.plugin import LeftOut, PluginLoader
from streaming_assets.registry.sources import BrokenPlugin, Moment, Registry
from streaming_assets.settings import LOAD_SECONDS, Settings, is_disabled


def load_sources(
    *,
    disabled: Collection[str] = (),
    timeout: float = LOAD_SECONDS,
    established: Collection[str] = (),
    entry_points: Iterable[metadata.EntryPoint] | None = None,
) -> Registry:
    """Load all plugins and check their definitions. No plugin can make it fail, or wait for ever.

    What a plugin prints while it is loaded goes to standard error, as standard output may be read by a program. What
    it changes of its process is put back.

    Args:
        disabled: Names of entry points, or of their distributions, that are not even imported.
        timeout: Seconds that a plugin may take to be imported, and again to define its source.
        established: Names of sources that have tables: what they have, a newcomer can't take from them.
        entry_points: Plugins to load; None takes the installed ones of the group `streaming_assets`.
    """
    found = metadata.entry_points(group=hookspecs.PROJECT) if entry_points is None else entry_points
    loading, left = _Loading(timeout), []
    for entry_point in sorted(found, key=_order):
        if is_disabled(entry_point, disabled):
            left.append(entry_point.name)
        else:
            loading.load(entry_point)
    return loading.settled(left, established)


def load_installed(settings: Settings) -> Registry:
    """Load all plugins that are installed, as the settings say; see `load_sources`."""
    return load_sources(
        disabled=settings.disabled_plugins,
        timeout=settings.plugin_timeout_seconds,
        established=settings.sources_with_tables(),
    )


def installed_plugins() -> tuple[tuple[str, str, str], ...]:
    """Tell plugins apart that are installed now, without importing any: by name, module and list of files.

    A program that runs for long sees by it that one was installed or removed. Installers write the list of files
    last, so a plugin that was seen half installed is seen to change once more.
    """
    found = sorted(metadata.entry_points(group=hookspecs.PROJECT), key=_order)
    return tuple((each.name, each.value, (each.dist and each.dist.read_text("RECORD")) or "") for each in found)


def _order(entry_point: metadata.EntryPoint) -> tuple[str, str, str]:
    return entry_point.name, entry_point.value, entry_point.dist.name if entry_point.dist else ""


class _Loading:
    """What has been loaded so far."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._defined: list[tuple[metadata.EntryPoint, EventSource]] = []
        self._broken: list[BrokenPlugin] = []
        self._sources: dict[str, EventSource] = {}
        self._entry_points: dict[str, metadata.EntryPoint] = {}

    def load(self, entry_point: metadata.EntryPoint) -> None:
        """Load one plugin; where it fails, note why."""
        loader = PluginLoader(entry_point, self._timeout)
        try:
            self._defined.append((entry_point, loader.load()))
        except LeftOut as left:
            self._leave_out(entry_point, left.moment, left.error)

    def settled(self, disabled: Sequence[str], established: Collection[str]) -> Registry:
        """Decide which plugin stays where two want the same source, topic or options."""

        def claim(defined: tuple[metadata.EntryPoint, EventSource]) -> tuple[bool, bool, bool]:
            """Sort first what has tables, then what is named as its source, then what has a topic of its name."""
            entry_point, source = defined
            return source.name not in established, entry_point.name != source.name, source.topic.name != source.name

        for entry_point, source in sorted(self._defined, key=claim):
            faults = list(self._clashes(source))
            if faults:
                self._leave_out(entry_point, "validation", _clashing(entry_point.name, faults))
            else:
                self._sources[source.name] = source
                self._entry_points[source.name] = entry_point
        sources = MappingProxyType(dict(sorted(self._sources.items())))
        broken = sorted(self._broken, key=lambda each: _order(each.entry_point))
        return Registry(sources, tuple(broken), tuple(disabled), MappingProxyType(self._entry_points))

    def _leave_out(self, entry_point: metadata.EntryPoint, moment: Moment, error: StreamingAssetsError) -> None:
        self._broken.append(BrokenPlugin(entry_point.name, moment, error, entry_point))

    def _clashes(self, source: EventSource) -> Iterator[Fault]:
        if source.name in self._sources:
            yield Fault("name", f"{source.name!r}, which {self._plugin(source.name)} has", "a name of its own")
        for other in self._sources.values():
            if variables := shared_options(other.name, source.name):
                found = f"{source.name!r} beside {other.name!r}, the source of {self._plugin(other.name)}"
                yield Fault("name", found, f"a name of its own: {variables} would be options of both sources")
            if is_same_topic(other.topic.name, source.topic.name):
                first = self._plugin(other.name)
                found = f"{source.topic.name!r}, which is {other.topic.name!r}, the topic of {first}"
                yield Fault("topic.name", found, "a topic of its own")

    def _plugin(self, source: str) -> str:
        """Name the plugin of a source, with its package, as two packages may call theirs the same."""
        entry_point = self._entry_points[source]
        distribution = f" of {entry_point.dist.name}" if entry_point.dist else ""
        return f"the plugin {entry_point.name!r}{distribution}"


def _clashing(name: str, faults: Sequence[Fault]) -> InvalidDefinition:
    error = InvalidDefinition(name, faults)
    error.remedy = (
        f"fix one of the two plugins, or choose: STREAMING_ASSETS_DISABLED_PLUGINS={name} leaves this one out"
    )
    return error
