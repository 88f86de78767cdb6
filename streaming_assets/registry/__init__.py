"""Which sources there are: plugins, loaded one by one, so that a broken one costs itself only."""

from streaming_assets.registry.clashes import is_same_topic, shared_options
from streaming_assets.registry.loading import installed_plugins, load_installed, load_sources
from streaming_assets.registry.plugin import HOOK
from streaming_assets.registry.sources import BrokenPlugin, Moment, Registry

__all__ = [
    "HOOK",
    "BrokenPlugin",
    "Moment",
    "Registry",
    "installed_plugins",
    "is_same_topic",
    "load_installed",
    "load_sources",
    "shared_options",
]
