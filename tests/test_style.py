"""Rules for the project's files that no linter knows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

FOLDERS = ("streaming_assets", "plugins", "examples", "dashboard", "tests", "benchmarks", "docs", "scripts")
TEXTS = frozenset({".py", ".md", ".toml", ".yaml", ".yml", ".sql", ".sh", ".json", ".cfg", ".ini", ".txt", ".css"})

# Put together, so that this file does not hold what it looks for.
MACHINE_PATHS = tuple(f"/{name}/" for name in ("work", "root"))

ONE_SENTENCE = re.compile(r"[^\n]+(?:\n[^\n]+)*[.?]")
SECOND_SENTENCE = re.compile(r"[a-z0-9`)'\"][.?!]\s+[A-Z]")


def texts() -> Iterator[Path]:
    """Give the project's text files."""
    yield from (path for path in sorted(ROOT.iterdir()) if path.is_file() and path.suffix in TEXTS)
    for folder in FOLDERS:
        yield from (path for path in sorted((ROOT / folder).rglob("*")) if path.is_file() and path.suffix in TEXTS)


def functions_of_tests() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Give every test of the package, of the plugins and of the examples."""
    folders = [ROOT / "tests", *ROOT.glob("plugins/*/tests"), *ROOT.glob("examples/*/tests")]
    for path in (path for folder in folders for path in sorted(folder.rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield path, node


def is_one_sentence(docstring: str) -> bool:
    """Whether a docstring is one sentence, on one line or more."""
    return bool(ONE_SENTENCE.fullmatch(docstring)) and not SECOND_SENTENCE.search(docstring)


def test_every_test_states_its_fact() -> None:
    """Every test has a docstring of one sentence."""
    wrong = [
        f"{path.relative_to(ROOT)}: {function.name}"
        for path, function in functions_of_tests()
        if not is_one_sentence(ast.get_docstring(function) or "")
    ]

    assert wrong == []


def test_no_file_names_a_path_of_a_machine() -> None:
    """No text file of the project holds a path of the machine it was written on."""
    wrong = [
        f"{path.relative_to(ROOT)}: {part}"
        for path in texts()
        for part in MACHINE_PATHS
        if part in path.read_text("utf-8")
    ]

    assert wrong == []
