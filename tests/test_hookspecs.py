"""The hook that plugins implement."""

from __future__ import annotations

import inspect
import typing

import pluggy

import streaming_assets
from streaming_assets import EventSource, hookspecs


class Plugin:
    """A plugin with one hook."""

    @streaming_assets.hookimpl
    def register_event_source(self) -> str:
        """Return something to recognise."""
        return "called"


def test_author_marker_reaches_the_specified_hook() -> None:
    """What an author marks with the package's `hookimpl` is called through the specified hook."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(Plugin())
    manager.check_pending()

    assert manager.hook.register_event_source() == ["called"]


def test_hook_takes_nothing_and_gives_a_source() -> None:
    """The hook has no parameters and is declared to return one EventSource."""
    signature = inspect.signature(hookspecs.register_event_source)
    hints = typing.get_type_hints(hookspecs.register_event_source, localns={"EventSource": EventSource})

    assert ({}, {"return": EventSource}) == (dict(signature.parameters), hints)


def test_group_is_the_packages_name() -> None:
    """The entry-point group has the name of the package, so authors have one name to remember."""
    assert streaming_assets.__name__ == hookspecs.PROJECT
