"""Names of fields, as they stand in samples, and as SQL reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import sqlglot
from sqlglot import exp


def snake(name: str) -> str:
    """Return a name in small letters, its words joined by `_`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()


def shown(name: str) -> str:
    """Return a name as a comment can hold it, whatever characters it has."""
    return name if name.isprintable() and name.isascii() else ascii(name)


def last_of(path: str) -> str:
    """Return the last name of a path, as `snake` writes it."""
    return snake(path.rpartition(".")[2])


def rank(path: str, names: Sequence[str]) -> int:
    """Return where among names the last one of a path stands; behind all of them if it is none of them."""
    return names.index(last_of(path)) if last_of(path) in names else len(names)


def expression(path: str) -> str:
    """Return what SQL calls the value at a path."""
    return ".".join(part if is_plain(part) else f"`{part}`" for part in path.split("."))


def is_plain(name: str) -> bool:
    """Tell whether SQL reads a name as a column's without quotes."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", name):
        return False
    try:
        query = sqlglot.parse_one(f"SELECT {name}, {name}.{name} FROM events", read="spark")  # noqa: S608 (not run)
    except sqlglot.ParseError:
        return False
    return isinstance(query, exp.Select) and all(isinstance(each, exp.Column) for each in query.expressions)
