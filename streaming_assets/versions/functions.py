"""The source of a function, with that of everything of its own package that it uses."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import textwrap
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any


def source_texts(function: Any) -> list[str]:
    """Return the texts that decide what a function does, as far as they can be read.

    These are its own source, what it captured, and the functions, classes and module-level values it uses of
    its own package, and those they use. Comments and layout are left out. What is made at run time or written
    in C stands there by its name.
    """
    sources = _Sources()
    sources.add(function)
    return sources.texts


class _Sources:
    """Gathers texts; each function or class once."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._seen: list[object] = []

    def add(self, value: Any) -> None:
        if any(value is seen for seen in self._seen):
            return
        self._seen.append(value)
        if isinstance(value, functools.partial):
            self.texts.append(_told([value.args, sorted(value.keywords.items())]))
            self.add(value.func)
            return
        function = inspect.unwrap(getattr(value, "__func__", value))
        self.texts.append(_source(function))
        if isinstance(function, FunctionType):
            self._add_used(function)

    def _add_used(self, function: FunctionType) -> None:
        self.texts.append(_told([function.__defaults__, sorted((function.__kwdefaults__ or {}).items())]))
        for name, used in sorted(inspect.getclosurevars(function).nonlocals.items()):
            if not self._added(used, function.__module__):
                self.texts.append(f"{name} = {_told(used)}")
        for name, used, home in _globals(function):
            # A value as it is written, because one that a module keeps, such as a cache, changes while it runs.
            if not self._added(used, home):
                self.texts.extend(_assignments(home, name))

    def _added(self, used: Any, home: str) -> bool:
        """Add code; tell whether it is some. That of other packages does not count."""
        if not isinstance(used, FunctionType | type | functools.partial):
            return False
        if _package(getattr(used, "__module__", home)) == _package(home):
            self.add(used)
        return True


def _globals(function: FunctionType) -> Iterator[tuple[str, Any, str]]:
    """Give what a function uses of its own module and, by `module.name`, of others of its package."""
    names = sorted(set(_names(function.__code__)))
    for name in names:
        used = function.__globals__.get(name)
        if not isinstance(used, ModuleType):
            yield name, used, function.__module__
        elif _package(used.__name__) == _package(function.__module__):
            yield from ((each, vars(used)[each], used.__name__) for each in names if each in vars(used))


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _package(module: str) -> str:
    return module.partition(".")[0]


def _told(value: Any) -> str:
    """Return a value as text that is the same in every process: an object's own would hold its address."""
    if isinstance(value, str | bytes | int | float | None):
        return repr(value)
    if isinstance(value, list | tuple | set | frozenset):
        parts = [_told(each) for each in value]
        return f"({', '.join(parts if isinstance(value, list | tuple) else sorted(parts))})"
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _source(function: Any) -> str:
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):  # made at run time, or written in C
        named = function if hasattr(function, "__qualname__") else type(function)
        return f"{named.__module__}.{named.__qualname__}"
    return _without_layout(text)


def _without_layout(text: str) -> str:
    try:
        return ast.unparse(ast.parse(text))
    except SyntaxError:  # a lambda's line may be part of a call
        return text


def _assignments(module: str, name: str) -> list[str]:
    """Return the module-level statements that give a name its value."""
    return [ast.unparse(node) for node in _statements(module) if name in _targets(node)]


def _statements(module: str) -> list[ast.stmt]:
    try:
        return ast.parse(inspect.getsource(sys.modules[module])).body
    except (OSError, TypeError, KeyError, SyntaxError):
        return []


def _targets(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.Assign):
        return {each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)}
    if isinstance(node, ast.AnnAssign | ast.AugAssign) and isinstance(node.target, ast.Name):
        return {node.target.id}
    return set()
