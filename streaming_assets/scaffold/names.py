"""Names of fields, as they stand in samples, and as SQL reads them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import sqlglot
from sqlglot import exp

from streaming_assets.sqlcheck.relations import DIALECT

_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "\u0131": "i"}
)
"""Small Latin letters that are not made of another one and a mark."""

_READ_OTHERWISE = frozenset({"interval"})
"""What Spark may read as the beginning of a literal, and sqlglot does not."""


def snake(name: str) -> str:
    """Return a name in small letters, its words joined by `_`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()


def quoted(name: str) -> str:
    """Return a name, quoted where it is not one that a path can have."""
    return name if re.fullmatch(r"[\w@$-]+", name) else repr(name)


def words_of(name: str) -> str:
    """Return a name as a column can have it: ASCII words joined by `_`; empty where it has no such letters."""
    if re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        return snake(name)
    plain = unicodedata.normalize("NFKD", snake(name).translate(_LETTERS)).encode("ascii", "ignore").decode()
    return "_".join(re.findall(r"[a-z0-9]+", plain))


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
    """Tell whether SQL reads a name as a column's without quotes, also where events are counted by it."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", name) or name in _READ_OTHERWISE:
        return False
    selected = f"SELECT {name}, {name}.{name} FROM events"  # noqa: S608 (not run)
    counted = f"SELECT {name}, count(*) FROM events GROUP BY {name}"  # noqa: S608 (not run)
    try:
        columns, groups = _parsed(selected).expressions, _parsed(counted).args.get("group")
    except sqlglot.ParseError:
        return False
    by = groups.expressions if groups else []
    return [*map(_parts, columns), *map(_parts, by)] == [[name], [name, name], [name]]


def _parsed(query: str) -> exp.Expr:
    return sqlglot.parse_one(query, read=DIALECT)


def _parts(column: exp.Expr) -> list[str] | None:
    """Return the names that a column's is made of; None if it is no column."""
    return [part.name for part in column.parts] if isinstance(column, exp.Column) else None
