"""What is wrong with a plugin, one fault after the other, each with its place in the plugin's files."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from streaming_assets.errors import Fault, InvalidDefinition, Place
from streaming_assets.plugincheck.code import Code, Function, Reader
from streaming_assets.plugincheck.files import PluginFiles
from streaming_assets.plugincheck.literals import position
from streaming_assets.plugincheck.paths import Definition, Reached
from streaming_assets.plugincheck.raised import raised
from streaming_assets.plugincheck.spots import Spot, spot, spot_of_node
from streaming_assets.registry import HOOK, BrokenPlugin, Moment

_WHERE: Mapping[Moment, str] = {"import": "import", "registration": "hook", "definition": f"{HOOK}()"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a plugin."""

    where: str
    """The path into the definition, or what was done when the fault showed itself."""
    found: str
    """What was found."""
    expected: str
    """What should be there instead."""
    spot: Spot | None = None
    """Its place in a file, or the nearest one that is known for certain."""
    place: Place | None = None
    """Its place in a text of the definition, where that text itself was not found in a file."""


def findings(plugin: BrokenPlugin, roots: Sequence[Path] = (), project: Path | None = None) -> list[Finding]:
    """Return all faults of a plugin that was left out.

    Args:
        plugin: The plugin.
        roots: Folders that its modules lie in, if it is not installed.
        project: Its pyproject.toml, where that is known.
    """
    reader = Reader(PluginFiles(plugin.entry_point, roots, project))
    try:
        return _found(plugin, reader)
    except Exception:  # noqa: BLE001 - an exception of a plugin's may do anything when it is looked at
        error = plugin.error
        return [Finding(plugin.moment, str(error.found), str(error.expected), reader.files.file())]


def _found(plugin: BrokenPlugin, reader: Reader) -> list[Finding]:
    if isinstance(plugin.error, InvalidDefinition):
        hook = _hook(reader)
        definition = Definition(reader, hook) if hook is not None else None
        return _in_order([_of_fault(fault, reader, definition) for fault in plugin.error.faults])
    cause = plugin.error.__cause__
    if cause is not None and plugin.moment != "registration":
        what = raised(cause, reader.files)
        where = "entry point" if what.of_entry_point else _WHERE[plugin.moment]
        return [Finding(where, what.found, what.expected or str(plugin.error.expected), what.spot)]
    return [_of_hook(plugin, reader)]


def _in_order(found: list[Finding]) -> list[Finding]:
    """Return findings as a person goes through files: the lines of each from top to bottom, without a file first."""
    files = list(dict.fromkeys(each.spot.file if each.spot else None for each in found))

    def order(each: Finding) -> tuple[int, int, int]:
        at = each.spot
        return (files.index(at.file), at.line or 0, at.column or 0) if at else (-1, 0, 0)

    return sorted(found, key=order)


def _of_fault(fault: Fault, reader: Reader, definition: Definition | None) -> Finding:
    if definition is None:
        return Finding(fault.where, fault.found, fault.expected, reader.files.file(), fault.place)
    reached = definition.reach(fault.where)
    if fault.place is not None:
        exact = _in_text(fault.place, reached, reader)
        if exact is not None:
            return Finding(fault.where, fault.found, fault.expected, exact)
    code = definition.narrowed(reached.code, fault.found) if reached.whole else reached.code
    return Finding(fault.where, fault.found, fault.expected, _spot(code), fault.place)


def _in_text(place: Place, reached: Reached, reader: Reader) -> Spot | None:
    """Return where a place in a text is in the file that has the text, as a literal or as a file of its own."""
    candidates = [_literal(reader.follow(reached.code), reader)] if reached.whole else []
    if not any(candidates):
        same = [code for code in _literals(reader) if code.node.value == place.text]  # type: ignore[union-attr]
        candidates = [*same] if len(same) == 1 else []
    for code in candidates:
        if code is not None and isinstance(code.node, ast.Constant):
            found = position(code.module.lines, code.node, place)
            return spot(code.module.path, code.module.lines, *found, place.length) if found else None
    return _in_file(place, reader)


def _in_file(place: Place, reader: Reader) -> Spot | None:
    files = [(path, text) for path, text in reader.files.texts(".sql") if text.strip() == place.text.strip()]
    if len(files) != 1:
        return None
    ((path, text),) = files
    lines = text.split("\n")
    before = text[: text.index(place.text.strip())].count("\n") - _blank_lines(place.text)
    return spot(path, lines, before + place.line, place.column, place.length)


def _blank_lines(text: str) -> int:
    return text[: len(text) - len(text.lstrip())].count("\n")


def _literal(code: Code, reader: Reader) -> Code | None:
    """Return the literal that a text is made of: itself, or what is dedented or stripped."""
    node = code.node
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return code
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Attribute) and node.func.attr == "strip" and not node.args:
        return _literal(reader.follow(code.inner(node.func.value)), reader)
    if reader.called(code) in {"textwrap.dedent", "inspect.cleandoc"} and len(node.args) == 1:
        return _literal(reader.follow(code.inner(node.args[0])), reader)
    return None


def _literals(reader: Reader) -> Iterator[Code]:
    for module in reader.files.all():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield Code(module, node)


def _of_hook(plugin: BrokenPlugin, reader: Reader) -> Finding:
    """Tell what is wrong with a hook that was not found, or gave something else than a source."""
    error, files = plugin.error, reader.files
    if plugin.moment == "registration" and plugin.entry_point.attr == HOOK and (at := files.written_at()):
        module = f'`{plugin.entry_point.name} = "{files.entry}"`'
        return Finding("entry point", files.written, f"the module, in which the hook is found: {module}", at)
    hook = _hook(reader) if plugin.moment != "import" else None
    found, expected = error.found or error.summary, error.expected or f"one {HOOK}()"
    if plugin.moment == "registration" and error.__cause__ is not None and (other := _other_hook(reader)) is not None:
        node = other.node
        found, hook = f"a hook {node.name}({ast.unparse(node.args)})", other  # type: ignore[union-attr]
        expected = f"`@hookimpl def {HOOK}()`, by this name and without parameters"
    if hook is None:
        return Finding(_WHERE[plugin.moment], found, expected, reader.files.file())
    result = reader.result(hook) if error.summary.endswith(f"from {HOOK}().") else None
    return Finding(_WHERE[plugin.moment], found, expected, _spot(result or hook))


def _hook(reader: Reader) -> Code | None:
    """Return the function that registers the source, wherever the entry point's module has it from."""
    module = reader.files.module(reader.files.entry)
    found = reader.top_level(module, HOOK) if module is not None else None
    if isinstance(found, Code) and isinstance(found.node, Function):
        return found
    inside = [Code(module, node) for node in _hooks(module.tree) if node.name == HOOK] if module is not None else []
    return inside[0] if len(inside) == 1 else _other_hook(reader)


def _other_hook(reader: Reader) -> Code | None:
    """Return the only function that is marked as a hook, whatever its name."""
    module = reader.files.module(reader.files.entry)
    marked = [Code(module, node) for node in _hooks(module.tree) if node.decorator_list] if module is not None else []
    return marked[0] if len(marked) == 1 else None


def _hooks(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Give the functions that are named, or marked, as a hook."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            marks = [ast.unparse(each).partition("(")[0].rpartition(".")[2] for each in node.decorator_list]
            if node.name == HOOK or "hookimpl" in marks:
                yield node


def _spot(code: Code) -> Spot:
    return spot_of_node(code.module.path, code.module.lines, code.node)
