"""What DuckDB raises, as errors a person can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from streaming_assets.contract import EventSource
from streaming_assets.engines.embedded.duck import first_line
from streaming_assets.errors import EngineError, TableError


@contextmanager
def explained(source: EventSource) -> Iterator[None]:
    """Turn DuckDB's errors into ours.

    Raises:
        EngineError: Memory or disk space ran out.
        TableError: A data file is missing or damaged.
    """
    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except duckdb.OutOfMemoryException as error:
        raise EngineError(
            f"The embedded engine ran out of memory or disk space at {source.name}.",
            found=first_line(error),
            meaning="what was committed before stays, and is not done again",
            remedy="raise STREAMING_ASSETS_MEMORY_LIMIT_MB, lower STREAMING_ASSETS_THREADS, or free disk space "
            "under STREAMING_ASSETS_HOME; then run the refresh again",
        ) from error
    except duckdb.Error as error:
        raise TableError(
            f"A table of {source.name} can't be read.",
            found=first_line(error),
            expected="the data files that its log names, as they were written",
            meaning="what was committed before stays; nothing was written to the table that was being computed",
            remedy="bring the file back, or delete the table and those computed from it and refresh; a table before "
            "Gold takes all of Gold with it",
        ) from error
