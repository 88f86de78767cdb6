"""Table features that others turned on and that the library here can't read or write, and how to be rid of them.

What a feature is, and which it is to readers and which to writers alone: the Delta protocol, "Table Features".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from deltalake import DeltaTable

from streaming_assets.errors import TableError
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.remedies import from_scratch_hint, spark_statement

_HARMLESS = frozenset({"v2Checkpoint"})
"""What readers have to know of the log alone, and the Delta library does; data files are read as they lie."""

_MAPPING = "columnMapping"
_MAPPING_MODE = "delta.columnMapping.mode"

_REFUSAL = re.compile(r"Unsupported table features required: \[(?P<names>[^\]]*)\]")
_NAME = re.compile(r"\w+(?=[,\"\s]|$)")


def expect_readable(table: TableId, path: Path, delta: DeltaTable) -> None:
    """Refuse a table whose data files can't be read as they lie.

    Raises:
        TableError: It has such a feature.
    """
    features = set(delta.protocol().reader_features or ()) - _HARMLESS - {_MAPPING}
    # A table may have this feature and not use it, and an older protocol has it without naming it.
    if delta.metadata().configuration.get(_MAPPING_MODE, "none") != "none":
        features.add(_MAPPING)
    if features:
        raise _unsupported(table, path, features, "read")


def refused_features(table: TableId, path: Path, text: str) -> TableError | None:
    """Return the error about features for which the Delta library refused a table; None if it was something else.

    Args:
        table: The table.
        path: Its folder.
        text: What the library raised.
    """
    refusal = _REFUSAL.search(text)
    if refusal is None:
        return None
    names = {name[0].lower() + name[1:] for name in _NAME.findall(refusal["names"])}
    return _unsupported(table, path, names, "write")


def _unsupported(table: TableId, path: Path, features: Iterable[str], what: str) -> TableError:
    names = sorted(features)
    return TableError(
        f"Table {table.name} uses table features that this framework can't {what}.",
        found=", ".join(names),
        expected="a table without them",
        meaning="nothing was written; the table is as it was",
        remedy="; ".join(_drop(path, name) for name in names) + f"; or, {from_scratch_hint(table, path)}",
    )


def _drop(path: Path, feature: str) -> str:
    if feature == _MAPPING:
        # This writes the files anew; dropping the feature as well would bring another one, checkpointProtection.
        statement = f"SET TBLPROPERTIES ('{_MAPPING_MODE}' = 'none')"
        return f"to write the files anew without it: {spark_statement(path, statement)}"
    # Without TRUNCATE, Delta 4.0 puts checkpointProtection in its place, which can't be written either.
    statement = spark_statement(path, f"DROP FEATURE {feature} TRUNCATE HISTORY")
    return f"to drop {feature}: {statement}, and once more after the 24 hours that Delta then asks for"
