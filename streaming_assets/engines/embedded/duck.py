"""The DuckDB connection of the embedded engine, and small pieces of SQL for it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import psutil
import pyarrow as pa

from streaming_assets.contract import EventSchema, Field, Struct
from streaming_assets.settings import Settings

_HMAC_BLOCK = 64
"""Block size of SHA-256 in bytes (FIPS 198-1)."""

_THREAD_MB = 128
"""Memory for each thread, in MiB."""

PSEUDONYM_LENGTH = 32
"""Hex digits of a pseudonym: 128 bits."""


def connect(settings: Settings, pseudonym_key: bytes) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB that lives in memory, spills under `home`, loads nothing from the network and thinks in UTC."""
    spill = settings.home / "tmp" / f"duckdb-{os.getpid()}"
    spill.parent.mkdir(parents=True, exist_ok=True)  # DuckDB makes only the last folder, when it first spills
    _remove_abandoned(spill.parent)
    connection = duckdb.connect(
        config={
            "memory_limit": f"{settings.memory_limit_mb}MiB",
            "threads": threads(settings),
            "temp_directory": str(spill),
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    # DuckDB takes a program without a file, such as a process that another one spawned, for a person at a prompt, and
    # would draw on its standard output, which may be read by a program.
    connection.execute("SET enable_progress_bar = false")
    set_pseudonym_key(connection, pseudonym_key)
    return connection


@contextmanager
def memory_limit(connection: duckdb.DuckDBPyConnection, mebibytes: int, *, afterwards: int) -> Iterator[None]:
    """Give DuckDB less memory for a while: what it can't hold goes to disk the sooner."""
    connection.execute(f"SET memory_limit = '{mebibytes}MiB'")
    try:
        yield
    finally:
        connection.execute(f"SET memory_limit = '{afterwards}MiB'")


def threads(settings: Settings) -> int:
    """Return how many threads the memory limit allows; each needs some to work with."""
    return max(1, min(settings.threads, settings.memory_limit_mb // _THREAD_MB))


def _remove_abandoned(folder: Path) -> None:
    """Remove what processes that were killed had spilled."""
    for spill in folder.glob("duckdb-*"):
        if not psutil.pid_exists(int(spill.name.removeprefix("duckdb-"))):
            shutil.rmtree(spill, ignore_errors=True)


def set_pseudonym_key(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Let `pseudonym` know the key."""
    # As variables, so that the key is in no SQL text and in no error message.
    block = (hashlib.sha256(key).digest() if len(key) > _HMAC_BLOCK else key).ljust(_HMAC_BLOCK, b"\0")
    for name, mask in (("hmac_inner", 0x36), ("hmac_outer", 0x5C)):
        connection.execute(f"SET VARIABLE {name} = ?::BLOB", [bytes(byte ^ mask for byte in block)])


def fetch(connection: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    """Run a query and return its rows."""
    return connection.sql(query).to_arrow_table()


def count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    """Count the rows of a relation: a name, or a query in parentheses."""
    return int(connection.sql(f"SELECT count(*) FROM {relation}").fetchall()[0][0])


def pseudonym(text: str) -> str:
    """Return the SQL of a text's pseudonym: HMAC-SHA-256 (RFC 2104), its first 32 hex digits."""
    inner = f"unhex(sha256(getvariable('hmac_inner') || encode({text})))"
    return f"left(sha256(getvariable('hmac_outer') || {inner}), {PSEUDONYM_LENGTH})"


def event_columns(schema: EventSchema) -> str:
    """Return the columns of `events`: the schema's fields, the pseudonymous ones hashed."""
    hidden = frozenset(schema.pseudonymous)
    return ", ".join(f"{_event_value(each, name(each.name), each.name, hidden)} AS {name(each.name)}"
                     for each in schema.fields)  # fmt: skip


def _event_value(each: Field, expression: str, path: str, hidden: frozenset[str]) -> str:
    if path in hidden:
        return pseudonym(expression)
    if isinstance(each.type, Struct) and any(other.startswith(f"{path}.") for other in hidden):
        parts = [
            f"{name(inner.name)} := "
            + _event_value(inner, f"{expression}.{name(inner.name)}", f"{path}.{inner.name}", hidden)
            for inner in each.type.fields
        ]
        return f"CASE WHEN {expression} IS NOT NULL THEN struct_pack({', '.join(parts)}) END"
    return expression


def read_parquet(paths: Iterable[str | Path]) -> str:
    """Return the SQL that reads data files; the columns that a folder's name carries are left out."""
    files = ", ".join(literal(str(path)) for path in paths)
    return f"read_parquet([{files}], hive_partitioning = false)"


def casts(connection: duckdb.DuckDBPyConnection, schema: pa.Schema) -> str:
    """Return the columns of a schema, each cast to its type, as a SELECT list."""
    kinds = connection.from_arrow(schema.empty_table())
    return ", ".join(
        f"CAST({name(column)} AS {kind}) AS {name(column)}"
        for column, kind in zip(kinds.columns, kinds.types, strict=True)
    )


def first_line(error: Exception) -> str:
    """Return what an error says first; DuckDB's go on with the query."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def name(identifier: str) -> str:
    """Quote an identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text."""
    return "'" + text.replace("'", "''") + "'"


def timestamp(moment: datetime) -> str:
    """Return a point in time as a literal."""
    return f"TIMESTAMPTZ '{moment.astimezone(UTC).isoformat()}'"
