"""The contract: whatever an author can write or meet has its documentation, in the source and in the reference."""

from __future__ import annotations

import ast
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import streaming_assets
from streaming_assets import contract, errors, hookspecs
from streaming_assets.fitting import verdicts

MARK = f"{hookspecs.PROJECT}_spec"
"""What pluggy leaves on a hook."""


def documented(module) -> Iterator[tuple[str, bool]]:
    """Give every public name of a module, with those inside of its classes, and whether a text stands with it."""
    body = ast.parse(Path(module.__file__).read_text("utf-8")).body
    for name, node, text in named(body):
        yield name, bool(text)
        if isinstance(node, ast.ClassDef):
            yield from ((f"{name}.{inner}", bool(inside)) for inner, _, inside in named(node.body))


def named(body: list[ast.stmt]) -> Iterator[tuple[str, ast.stmt, str | None]]:
    """Give what statements define, with its docstring: inside of it, or as the statement below it."""
    for statement, below in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.ClassDef | ast.FunctionDef):
            name, text = statement.name, ast.get_docstring(statement)
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            name, text = ast.unparse(target), literal(below)
        else:
            continue
        if not name.startswith("_"):
            yield name, statement, text


def literal(statement: ast.stmt | None) -> str | None:
    """The text of a statement that is nothing but a text."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return statement.value.value
    return None


@pytest.fixture(scope="module")
def reference(site):
    """The names that the reference page explains, in the form in which other pages link to them."""
    *head, entries = (site / "objects.inv").read_bytes().split(b"\n", 4)
    assert b"zlib" in head[-1]
    rows = [line.split() for line in zlib.decompress(entries).decode().splitlines()]
    return {row[0] for row in rows if row[1].startswith("py:") and row[3].startswith("docs/contract.html")}


@pytest.mark.parametrize("module", [contract, hookspecs, errors, verdicts], ids=lambda module: module.__name__)
def test_all_of_it_has_a_text_in_the_source(module):
    """Every class, field, member, method, alias, hook and error has a docstring."""
    assert [name for name, has_text in documented(module) if not has_text] == []


def test_the_reference_has_all_of_the_contract(reference):
    """Every name of the contract, with each field, member and method, stands in the reference page."""
    names = {name for name, _ in documented(contract)}
    missing = {
        name for name in names if not {f"streaming_assets.{name}", f"streaming_assets.contract.{name}"} & reference
    }
    assert missing == set()


def test_the_reference_has_every_hook_and_reason(reference):
    """Every hook, the mark that a plugin sets, and every reason of quarantine stand in the reference page."""
    hooks = {name for name, value in vars(hookspecs).items() if hasattr(value, MARK)}
    assert hooks == {"register_event_source"}
    assert {f"streaming_assets.hookspecs.{name}" for name in (*hooks, "hookimpl")} <= reference
    assert {f"streaming_assets.fitting.Reason.{reason.name}" for reason in verdicts.Reason} <= reference


def test_the_reference_has_the_errors_of_plugins(reference):
    """Every error that a plugin can cause stands in the reference page, with the fault and the place that it names."""
    kinds = [value for value in vars(errors).values() if isinstance(value, type)]
    caused = [kind for kind in kinds if issubclass(kind, (errors.PluginError, errors.Fault, errors.Place))]
    assert {kind.__name__ for kind in caused} >= {"PluginError", "InvalidDefinition", "Fault", "Place"}
    assert {f"streaming_assets.errors.{kind.__name__}" for kind in caused} <= reference


def test_authors_can_import_all_of_it():
    """Every public name of the contract is imported from the package itself."""
    assert {name for name, _ in documented(contract) if "." not in name} == set(streaming_assets.__all__) - {"hookimpl"}
