"""The sources that can be used, and the plugins that can't."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import metadata
from typing import Literal

from streaming_assets.contract import EventSource
from streaming_assets.errors import StreamingAssetsError, UnknownSource

Moment = Literal["import", "registration", "definition", "validation"]
"""When a plugin failed: while its module was imported, its hook looked for, its hook called, its definition checked."""


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin that was left out."""

    name: str
    """Name of its entry point."""
    moment: Moment
    """When it failed."""
    error: StreamingAssetsError
    """Why; the exception that the plugin raised, if any, is its `__cause__`."""
    entry_point: metadata.EntryPoint
    """Where it was found."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The sources that can be used, and the plugins that can't."""

    sources: Mapping[str, EventSource]
    """Sources by name, sorted."""
    broken: tuple[BrokenPlugin, ...] = ()
    """Plugins that were left out, in the order of their names."""
    disabled: tuple[str, ...] = ()
    """Plugins that are installed, and were not imported, as the settings say."""
    entry_points: Mapping[str, metadata.EntryPoint] = field(default_factory=dict)
    """Where the plugin of each source was found, by the source's name."""

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
        if name in self.disabled:
            return f"take {name} out of STREAMING_ASSETS_DISABLED_PLUGINS"
        near = get_close_matches(name, list(self.sources), n=1)
        left_out = ", ".join(dict.fromkeys(plugin.name for plugin in self.broken))
        hints = [f"did you mean {near[0]!r}?"] if near else []
        hints += [f"these plugins were left out: {left_out}"] if left_out else []
        hints += [] if hints else ["one that is new has to be installed, such as by `pip install -e FOLDER`"]
        return "; ".join([*hints, "`streaming-assets plugins list` shows all plugins"])
