"""Following a path of a definition, such as `gold.top_repositories.charts[0].y`, through the code that makes it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from streaming_assets import contract
from streaming_assets.plugincheck.code import Code, Reader, in_scopes

_PART = re.compile(r"\[(?P<index>\d+)\]|\[(?P<key>'[^']*')\]|\.?(?P<name>[^.\[\]]+)")
_QUOTED = re.compile(r"(?:[\w`]+ )*'([^']*)'")
"""A name that a fault begins with, or that words lead to: other quotes may be part of a value as Python shows it."""
_MADE_OF = {"topic": "Topic", "schema": "EventSchema", "silver": "SilverTable"}
_CONTRACT = (contract.__name__, contract.__name__.rpartition(".")[0])


@dataclass(frozen=True, slots=True)
class Reached:
    """Where following a path ended."""

    code: Code
    """The piece of code that the path leads to, or the last one before what can't be known."""
    whole: bool
    """Whether the path was followed to its end."""


class Definition:
    """The definition of a source as code."""

    def __init__(self, reader: Reader, hook: Code) -> None:
        """Keep the hook that returns it."""
        self._reader = reader
        self._hook = hook

    def reach(self, where: str) -> Reached:
        """Follow a path as far as it is certain."""
        path = where.removesuffix(", a key")
        parts = list(_PART.finditer(path)) if path != "source" else []
        result = self._reader.result(self._hook)
        code = self._source(result)
        if code is None:
            beginning = self._beginning(parts)
            if beginning is None:
                return Reached(self._nearest(result), whole=False)
            code, parts = beginning
        return self._walk(code, parts)

    def _nearest(self, result: Code | None) -> Code:
        return self._reader.follow(result) if result is not None else self._hook

    def _source(self, result: Code | None) -> Code | None:
        """Return what makes the source: the hook's result, else the only call of `EventSource` that there is."""
        if result is not None and self._keywords(self._reader.follow(result)) is not None:
            return result
        calls = list(self._calls("EventSource"))
        return calls[0] if len(calls) == 1 and result is None else None

    def _beginning(self, parts: list[re.Match[str]]) -> tuple[Code, list[re.Match[str]]] | None:
        """Return the only call that can make the part of a source that a path begins with, and the rest of the path."""
        first = parts[0]["name"] if parts else ""
        if first == "gold" and len(parts) > 1 and parts[1]["name"] is not None:
            calls = [code for code in self._calls("GoldTable") if self._name(code) == parts[1]["name"]]
            rest = parts[2:]
        else:
            calls, rest = list(self._calls(_MADE_OF.get(first, ""))), parts[1:]
        return (calls[0], rest) if len(calls) == 1 else None

    def _calls(self, kind: str) -> Iterator[Code]:
        for module in self._reader.files.all():
            yield from (code for code in in_scopes(module) if self._kind(code) == kind)

    def _walk(self, code: Code, parts: list[re.Match[str]]) -> Reached:
        for index, part in enumerate(parts):
            further = self._further(code, part, parts[index + 1 :])
            if further is None and index == 1 and parts[0]["name"] == "gold" and (found := self._beginning(parts)):
                return self._walk(*found)
            if further is None:
                named = isinstance(code.node, ast.Name | ast.Attribute)
                return Reached(self._reader.follow(code) if named else code, whole=False)
            code = further
        return Reached(code, whole=True)

    def _further(self, code: Code, part: re.Match[str], rest: Sequence[re.Match[str]]) -> Code | None:
        target = self._reader.follow(code)
        if self._kind(target) == "Field" and (inner := self._nested(target, part, rest)) is not None:
            return inner
        keywords = self._keywords(target)
        if keywords is not None:
            return keywords.get(part["name"])
        if isinstance(target.node, ast.Dict):
            return _value(target, target.node, part["key"])
        items = self._items(target)
        if part["index"] is not None:
            known = items[: int(part["index"]) + 1]
            return known[-1] if len(known) > int(part["index"]) and None not in known else None
        named = [item for item in items if item is not None and self._name(item) == part["name"]]
        return named[0] if len(named) == 1 else None

    def _nested(self, target: Code, part: re.Match[str], rest: Sequence[re.Match[str]]) -> Code | None:
        """Return the field of a name inside of a field that is an object, or a list of objects."""
        if part["name"] == "type" and rest and rest[0]["name"] in {"fields", "items"}:
            return None
        kind = (self._keywords(target) or {}).get("type")
        while kind is not None and (keywords := self._keywords(self._reader.follow(kind))) is not None:
            if "fields" in keywords:
                return self._further(keywords["fields"], part, rest)
            kind = keywords.get("items")
        return None

    def _kind(self, code: Code) -> str | None:
        """Return which value of the contract a call makes."""
        module, _, name = (self._reader.called(code) or "").rpartition(".")
        return name if module in _CONTRACT else None

    def _keywords(self, code: Code) -> dict[str, Code] | None:
        """Return what a value of the contract is made of, as far as it can be seen; None where the code makes none."""
        node = code.node
        if not isinstance(node, ast.Call):
            return None
        given = {each.arg: code.inner(each.value) for each in node.keywords if each.arg is not None}
        for each in node.keywords:
            if each.arg is None and isinstance(each.value, ast.Name):
                given |= code.passed_on(each.value.id)
        if self._reader.called(code) == "dataclasses.replace" and len(node.args) == 1:
            before = self._keywords(self._reader.follow(code.inner(node.args[0])))
            return {**(before or {}), **given}
        return given if self._kind(code) is not None else None

    def _items(self, code: Code) -> list[Code | None]:
        """Return the items of a tuple; None for what may be several, or none."""
        code = self._reader.follow(code)
        node = code.node
        if isinstance(node, ast.Tuple | ast.List):
            items: list[Code | None] = []
            for each in node.elts:
                items += self._items(code.inner(each.value)) if isinstance(each, ast.Starred) else [code.inner(each)]
            return items
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return [*self._items(code.inner(node.left)), *self._items(code.inner(node.right))]
        return [None]

    def _name(self, code: Code) -> str | None:
        """Return the name that a table or field has."""
        name = (self._keywords(self._reader.follow(code)) or {}).get("name")
        return self.text(name) if name is not None else None

    def text(self, code: Code) -> str | None:
        """Return the text that a piece of code is."""
        node = self._reader.follow(code).node
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None

    def narrowed(self, code: Code, found: str) -> Code:
        """Return the part of a value that a fault quotes, or where a value is used that is of a wrong type there."""
        target = self._reader.follow(code)
        kind = self._kind(target)
        if kind is not None and found.startswith(f"{kind}("):
            return self._reader.used(code)
        quoted = _QUOTED.match(found)
        if quoted is None:
            return target
        inner = list((self._keywords(target) or {}).values())
        parts = inner or [item for item in self._items(target) if item is not None]
        same = [part for part in parts if quoted[1] in {self.text(part), None if inner else self._name(part)}]
        twice = found.startswith("two tables ") or found.endswith(" twice")
        return self._reader.follow(same[-1]) if len(same) == 1 or (same and twice) else target


def _value(target: Code, mapping: ast.Dict, key: str | None) -> Code | None:
    for each, value in zip(mapping.keys, mapping.values, strict=True):
        if isinstance(each, ast.Constant) and repr(each.value) == key:
            return target.inner(value)
    return None
