"""What DuckDB and the files raise, as errors a person can act on."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from streaming_assets.contract import EventSource
from streaming_assets.engines.embedded.duck import first_line
from streaming_assets.errors import EngineError, TableError
from streaming_assets.lake import layout
from streaming_assets.lake.failures import storage_refused, unreadable_file

_FILE = re.compile(r"""["'](?P<path>[^"']+[.]parquet)["']""")
_FULL = os.strerror(errno.ENOSPC)


@contextmanager
def explained(source: EventSource) -> Iterator[None]:
    """Turn the errors of DuckDB and of the files into ours.

    Raises:
        EngineError: Memory or disk space ran out.
        FileDamaged: A data file is missing or damaged.
        VersionVacuumed: A version of a table lost files while it was read.
        StorageRefused: The tables' storage is full or read-only.
        TableError: Anything else.
    """
    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except duckdb.OutOfMemoryException as error:
        raise _out_of_space(source, error) from error
    except duckdb.Error as error:
        if _FULL in str(error):
            raise _out_of_space(source, error) from error
        raise _unreadable(source, error) from error
    except OSError as error:
        raise storage_refused(layout.silver(source), Path(error.filename or "."), error) or _unreadable(
            source, error
        ) from error


def names_file(error: duckdb.Error) -> bool:
    """Tell whether an error is about a data file, and not about what is done with its rows."""
    return _FILE.search(str(error)) is not None


def _out_of_space(source: EventSource, error: duckdb.Error) -> EngineError:
    return EngineError(
        f"The embedded engine ran out of memory or disk space while working on {source.name}.",
        found=first_line(error),
        meaning="what was committed before stays, and is not done again",
        remedy="raise STREAMING_ASSETS_MEMORY_LIMIT_MB, lower STREAMING_ASSETS_THREADS, or free disk space "
        f"under STREAMING_ASSETS_HOME; then run `streaming-assets refresh {source.name}`",
    )


def _unreadable(source: EventSource, error: Exception) -> TableError:
    match = _FILE.search(str(error))
    for table in layout.tables_of(source) if match else ():
        before, found, _ = match["path"].partition(f"/{table.path(Path()).as_posix()}/") if match else ("", "", "")
        if found:
            return unreadable_file(table, table.path(Path(before)), str(error))
    return TableError(
        f"A table of {source.name} can't be read.",
        found=first_line(error),
        meaning="what was committed before stays; nothing was written to the table that was being computed",
        remedy=f"fix the cause named above, then run `streaming-assets refresh {source.name}`",
    )
