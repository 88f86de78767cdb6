"""Imports go one way: which part of the project may know which other part, and which library."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "streaming_assets"

VALUES = {"contract", "errors", "faults", "settings", "versions", "windows"}
BELOW_IO = VALUES | {"registry", "isolation", "fitting", "pseudonyms"}
BELOW_LAYERS = BELOW_IO | {"kafka", "lake", "engines"}
BELOW_DEFS = BELOW_LAYERS | {"layers", "sqlcheck"}

ALLOWED: dict[str, set[str]] = {
    PACKAGE: {"contract", "hookspecs"},
    "contract": set(),
    "errors": set(),
    "windows": set(),
    "versions": {"contract"},
    "faults": {"errors"},
    "settings": {"errors", "faults"},
    "hookspecs": {"contract"},
    "sqlcheck": {"contract", "errors"},
    "validation": {"contract", "errors", "windows", "sqlcheck"},
    "isolation": set(),
    "registry": {"contract", "errors", "hookspecs", "isolation", "settings", "validation"},
    "plugincheck": {"contract", "errors", "hookspecs", "isolation", "registry", "settings", "sqlcheck"},
    "fitting": {"contract", "errors"},
    "scaffold": {"contract", "errors", "fitting", "sqlcheck", "validation"},
    "pseudonyms": {"errors", "settings"},
    "kafka": BELOW_IO,
    "lake": BELOW_IO,
    "engines": BELOW_IO | {"kafka", "lake"},
    "layers": BELOW_LAYERS,
    "databricks": {"errors", "settings"},
    "defs": BELOW_DEFS | {"databricks"},
    "definitions": BELOW_DEFS | {"defs"},
    "cli": BELOW_DEFS | {"defs", "plugincheck", "scaffold"},
    "testing": BELOW_DEFS | {"validation"},
    "pytest_plugin": {"errors", "kafka", "testing"},
    "__main__": {"cli"},
}
"""Rooms by room: what each may import of the others."""

DASHBOARD = (
    "streaming_assets.registry",
    "streaming_assets.settings",
    "streaming_assets.errors",
    "streaming_assets.contract",
    "streaming_assets.lake.reader",
    "streaming_assets.kafka.continuity",
    "streaming_assets.kafka.lag",
    "streaming_assets.kafka.topics",
    "streaming_assets.kafka.broker",
)
"""All that the dashboard may import of the package."""

LIBRARIES = {
    "dagster": {"defs", "definitions"},
    "dagster_databricks": {"defs"},
    "dagster_pipes": {"defs"},
    "databricks": {"databricks", "defs"},
    "confluent_kafka": {"kafka"},
    "duckdb": {"engines"},
    "pyspark": {"engines"},
    "pytest": {"testing", "pytest_plugin"},
    "deltalake": {"lake"},
    "streamlit": {"dashboard"},
}
"""Libraries, and the rooms that may import them."""


def modules() -> Iterator[tuple[str, Path]]:
    """Give every module, as (room, file)."""
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
        yield PACKAGE if parts == ("__init__",) else parts[0], path
    for path in sorted((ROOT / "dashboard").rglob("*.py")):
        yield "dashboard", path


def imported(path: Path) -> Iterator[str]:
    """Give the full names of everything a file imports, anywhere in it."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def room_of(name: str) -> str | None:
    """Name the room that an import reaches; None for what is not ours."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return None
    return parts[1] if len(parts) > 1 and parts[1] in ALLOWED else PACKAGE


def edges() -> Iterator[tuple[str, Path, str]]:
    """Give every import of every module, as (room, file, name)."""
    for room, path in modules():
        for name in imported(path):
            yield room, path, name


def test_every_room_has_a_rule() -> None:
    """Every module of the package stands in a room whose imports are ruled here."""
    assert sorted({room for room, _ in modules()} - set(ALLOWED) - {"dashboard"}) == []


def test_rooms_import_only_what_lies_below_them() -> None:
    """No module of the package imports a room that its own room may not know."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for room, path, name in edges()
        if room != "dashboard" and room_of(name) not in {None, room, *ALLOWED.get(room, set())}
    ]

    assert wrong == []


def test_dashboard_reads_only() -> None:
    """Of the package, the dashboard imports the registry, what reads lake and Kafka, and plain values only."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for room, path, name in edges()
        if room == "dashboard"
        and room_of(name) is not None
        and not f"{name}.".startswith(tuple(f"{m}." for m in DASHBOARD))
    ]

    assert wrong == []


@pytest.mark.parametrize("library", sorted(LIBRARIES))
def test_library_is_known_to_its_rooms_only(library: str) -> None:
    """A library that a room stands for is imported in that room only."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for room, path, name in edges()
        if name.split(".")[0] == library and room not in LIBRARIES[library]
    ]

    assert wrong == []


def test_only_the_engine_databricks_knows_its_libraries() -> None:
    """Outside of the folders of engine `databricks`, nothing imports its libraries, nor those folders but when used."""
    libraries = ("dagster_databricks", "dagster_pipes", "databricks")
    folders = (f"{PACKAGE}.databricks", f"{PACKAGE}.defs.databricks")
    found = [
        (str(path.relative_to(ROOT / PACKAGE)), name)
        for room, path, name in edges()
        if room != "dashboard" and path.parent.name != "databricks"
        if name.split(".")[0] in libraries or f"{name}.".startswith(tuple(f"{folder}." for folder in folders))
    ]

    assert found == [("defs/running.py", f"{PACKAGE}.defs.databricks.launch.performed_by_job")]


def test_rules_form_no_circle() -> None:
    """The rules themselves go one way: no two rooms may import each other, directly or through others."""
    reachable = {room: set(targets) for room, targets in ALLOWED.items()}
    for _ in reachable:
        for targets in reachable.values():
            targets |= {further for target in list(targets) for further in reachable.get(target, ())}

    assert sorted(room for room, targets in reachable.items() if room in targets) == []


def test_definitions_load_no_other_engine() -> None:
    """A code location whose sources have the default engine loads neither Spark nor anything of Databricks."""
    heavy = ["pyspark", "dagster_databricks", "databricks", "dagster_pyspark"]
    program = (
        f"import sys; from {PACKAGE}.definitions import defs; defs().get_repository_def();"
        f"print(*(name for name in {heavy!r} if name in sys.modules))"
    )

    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()

    assert loaded == []


@pytest.mark.parametrize("module", [PACKAGE, f"{PACKAGE}.contract", f"{PACKAGE}.errors"])
def test_author_imports_are_light(module: str) -> None:
    """Importing what a plugin author needs loads none of the heavy libraries."""
    heavy = ["dagster", "duckdb", "streamlit", "confluent_kafka", "deltalake", "pyarrow"]
    program = f"import sys, {module}; print(*(name for name in {heavy!r} if name in sys.modules))"

    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()

    assert loaded == []
