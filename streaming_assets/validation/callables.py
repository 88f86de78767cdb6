"""Checks on the functions that a definition holds: whether they can be called as they will be."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from streaming_assets.errors import Fault


def callable_faults(function: Callable[..., Any], where: str, argument: str) -> Iterator[Fault]:
    """Check that a function can be called with one argument and gives its result itself; it is not called."""
    expected = f"a function of one argument: {argument}"
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        kind = "an async function" if inspect.iscoroutinefunction(function) else "a function with `yield`"
        yield Fault(where, kind, f"{expected}, which returns what it makes")
        return
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return  # some functions written in C do not say what they take
    try:
        signature.bind(object())
    except TypeError as error:
        name = getattr(function, "__name__", type(function).__name__)
        parameters = ", ".join(str(each.replace(annotation=each.empty)) for each in signature.parameters.values())
        yield Fault(where, f"{name}({parameters}): {error}", expected)
