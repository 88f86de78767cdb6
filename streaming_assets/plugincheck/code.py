"""Following names through the code of a plugin to what they stand for, without running it.

What can't be known for certain, such as a name that gets a value twice, is not followed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from streaming_assets.plugincheck.files import Module, PluginFiles

Function = ast.FunctionDef | ast.AsyncFunctionDef

_MOST_STEPS = 50
_NAMING = (ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)
_TRANSPARENT = frozenset({"hookimpl", "cache", "lru_cache", "staticmethod"})


@dataclass(frozen=True, eq=False)
class Code:
    """A piece of code, and where its names get their values."""

    module: Module
    """Where it stands."""
    node: ast.expr | Function
    """The piece."""
    scope: Function | None = None
    """The function around it."""
    arguments: Mapping[str, Code] = field(default_factory=dict)
    """What that function was called with."""

    def inner(self, node: ast.expr | Function) -> Code:
        """Return a piece of this one."""
        return Code(self.module, node, self.scope, self.arguments)

    def passed_on(self, name: str) -> dict[str, Code]:
        """Return the arguments that the function around it takes under a name with two stars."""
        if self.scope is None or self.scope.args.kwarg is None or self.scope.args.kwarg.arg != name:
            return {}
        named = _parameters(self.scope)
        return {argument: code for argument, code in self.arguments.items() if argument not in named}


class Reader:
    """Follows names through the files of a plugin."""

    def __init__(self, files: PluginFiles) -> None:
        """Keep the files."""
        self.files = files
        self._entered: set[str] = set()

    def follow(self, code: Code) -> Code:
        """Return what a piece of code stands for, as far as that is certain: the value of a name, what a call gives."""
        return self._way(code)[-1]

    def used(self, code: Code) -> Code:
        """Return the last name, or call, by which a piece of code gets its value; itself where it is the value."""
        return self._way(code)[-2:][0]

    def called(self, code: Code) -> str | None:
        """Return the full name of what a call calls, such as `streaming_assets.Field`, if it is not the plugin's."""
        if not isinstance(code.node, ast.Call):
            return None
        target = self._meant(code.inner(code.node.func))
        return target if isinstance(target, str) else None

    def top_level(self, module: Module, name: str) -> Code | str | None:
        """Return what a name of a module stands for: code, or the full name of something that is not the plugin's."""
        return self._bound(module, name, None)

    def result(self, function: Code) -> Code | None:
        """Return what a function gives; None where it may give one of several."""
        if not isinstance(function.node, Function):
            return None
        returns = [node for node in _own(function.node) if isinstance(node, ast.Return)]
        if len(returns) != 1 or returns[0].value is None or any(isinstance(n, ast.Yield) for n in _own(function.node)):
            return None
        return Code(function.module, returns[0].value, function.node, function.arguments)

    def _way(self, code: Code) -> list[Code]:
        """Return a piece of code, and after it what it stands for, one step after the other."""
        way = [code]
        while len(way) <= _MOST_STEPS and (further := self._step(way[-1])) is not None:
            way.append(further)
        return way

    def _step(self, code: Code) -> Code | None:
        node = code.node
        if isinstance(node, ast.Name | ast.Attribute):
            meant = self._meant(code)
            return meant if isinstance(meant, Code) else None
        if isinstance(node, ast.Call):
            function = self._meant(code.inner(node.func))
            if not isinstance(function, Code) or function.scope is not None:
                return None  # a function inside of another one also sees the names of that one
            if isinstance(function.node, ast.FunctionDef) and _plain(function.node):
                given = _given(code, node, function)
                return self.result(Code(function.module, function.node, None, given)) if given is not None else None
        return None

    def _meant(self, code: Code) -> Code | str | None:
        """Return what a name, or a name in a module, stands for."""
        parts = _dotted(code.node)
        if not parts:
            return None
        name, *rest = parts
        if code.scope is not None and name in _parameters(code.scope):
            return code.arguments.get(name) if not rest else None
        target = self._bound(code.module, name, code.scope, code.arguments)
        for part in rest:
            target = self._imported(target, part) if isinstance(target, str) else None
        return target

    def _bound(
        self, module: Module, name: str, scope: Function | None, arguments: Mapping[str, Code] | None = None
    ) -> Code | str | None:
        """Return what a name gets its value from; None where it gets none, or several."""
        for function in [scope, None] if scope is not None else [None]:
            found = list(_bindings(function if function is not None else module.tree, name))
            if not found:
                continue
            if len(found) > 1 or found[0] is None:
                return None
            binding = found[0]
            if isinstance(binding, ast.Import | ast.ImportFrom):
                return self._of_import(module, binding, name)
            return Code(module, binding, function, (arguments or {}) if function is not None else {})
        return None

    def _of_import(self, module: Module, statement: ast.Import | ast.ImportFrom, name: str) -> Code | str | None:
        alias = next(each for each in statement.names if (each.asname or each.name.partition(".")[0]) == name)
        if isinstance(statement, ast.Import):
            return alias.name if alias.asname else name
        package = module.name.split(".") if module.path.name == "__init__.py" else module.name.split(".")[:-1]
        above = package[: len(package) - statement.level + 1] if statement.level else []
        return self._imported(".".join([*above, *([statement.module] if statement.module else [])]), alias.name)

    def _imported(self, holder: str, name: str) -> Code | str | None:
        """Return what a name in a module stands for."""
        full = f"{holder}.{name}"
        module = self.files.module(holder)
        if module is None or full in self._entered or not any(True for _ in _bindings(module.tree, name)):
            return full
        self._entered.add(full)  # a package may import its modules from itself, and modules import each other
        try:
            return self._bound(module, name, None)
        finally:
            self._entered.discard(full)


def _dotted(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return [*before, node.attr]
    return []


def in_scopes(module: Module) -> Iterator[Code]:
    """Give all expressions of a module and of its functions, but not what stands in functions or classes inside."""
    for node in _own(module.tree):
        if isinstance(node, ast.expr):
            yield Code(module, node)
        elif isinstance(node, Function):
            yield from (Code(module, inner, node) for inner in _own(node) if isinstance(inner, ast.expr))


def _own(holder: ast.AST) -> Iterator[ast.AST]:
    """Give what stands in a function or module itself, not in a function or class inside of it."""
    for node in ast.iter_child_nodes(holder):
        yield node
        if not isinstance(node, Function | ast.ClassDef | ast.Lambda):
            yield from _own(node)


Binding = ast.expr | Function | ast.Import | ast.ImportFrom | None


def _bindings(holder: ast.AST, name: str) -> Iterator[Binding]:
    """Give all that binds a name in a function or module; None for what can't be followed, as the target of a loop."""
    if isinstance(holder, ast.Module):
        yield from (None for node in ast.walk(holder) if isinstance(node, ast.Global) and name in node.names)
    values: dict[int, ast.expr] = {}
    for node in _own(holder):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            values[id(node.targets[0])] = node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            values[id(node.target)] = node.value
        yield from _bound_by(node, name, values)


def _bound_by(node: ast.AST, name: str, values: Mapping[int, ast.expr]) -> Iterator[Binding]:
    if isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load):
        yield values.get(id(node))
    elif isinstance(node, Function) and node.name == name:
        yield node
    elif isinstance(node, _NAMING) and node.name == name:
        yield None
    elif isinstance(node, ast.Lambda):
        yield from (None for each in _parameters(node) if each == name)
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (node for each in node.names if (each.asname or each.name.partition(".")[0]) == name)


def _plain(function: ast.FunctionDef) -> bool:
    """Whether a function gives what its `return` says: no decorator that could change it."""
    names = [_dotted(each.func if isinstance(each, ast.Call) else each) for each in function.decorator_list]
    return all(name and name[-1] in _TRANSPARENT for name in names)


def _parameters(function: Function | ast.Lambda) -> list[str]:
    given = function.args
    rest = [each for each in (given.vararg, given.kwarg) if each is not None]
    return [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs, *rest)]


def _given(code: Code, call: ast.Call, function: Code) -> dict[str, Code] | None:
    """Return the arguments of a call by the names of a function's parameters; None where a star hides some."""
    if not isinstance(function.node, Function) or any(isinstance(each, ast.Starred) for each in call.args):
        return None
    taken = function.node.args
    names = [each.arg for each in (*taken.posonlyargs, *taken.args)]
    defaults = {
        **dict(zip(reversed(names), reversed(taken.defaults), strict=False)),
        **{each.arg: value for each, value in zip(taken.kwonlyargs, taken.kw_defaults, strict=True) if value},
    }
    values = {name: Code(function.module, value) for name, value in defaults.items()}
    values |= {name: code.inner(value) for name, value in zip(names, call.args, strict=False)}
    return values | {each.arg: code.inner(each.value) for each in call.keywords if each.arg is not None}
