"""Commands whose help shows flags and arguments by their names alone, without the types that they have inside."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup, TyperOption

from streaming_assets.cli.console import results_apart


def _plain(parameters: list[Any]) -> list[Any]:
    for each in parameters:
        if isinstance(each, TyperOption) and each.is_bool_flag:
            each.metavar = ""
        elif each.param_type_name == "argument":
            each.display_type_rich = _no_type
    return parameters


def _no_type(**_: object) -> None:
    """Give no type, in the place of `TyperArgument.display_type_rich`, which gives one such as `<list[str]>`."""


class Command(TyperCommand):
    """A command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return its arguments and options."""
        return _plain(super().get_params(ctx))

    def invoke(self, ctx: Any) -> Any:
        """Run it; standard output is for its results alone."""
        with results_apart():
            return super().invoke(ctx)


class Group(TyperGroup):
    """A group of commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return its options."""
        return _plain(super().get_params(ctx))
