"""A definition's hash: equal as long as the rows it gives can't differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from sqlglot import Dialect, TokenType

from streaming_assets.versions.functions import source_texts

# What only people read does not change what a table holds, nor does whose data it is.
_NOT_DATA = frozenset({"title", "description", "charts", "owners", "subject"})

_TEXTS = frozenset(
    {
        TokenType.STRING,
        TokenType.RAW_STRING,
        TokenType.HEX_STRING,
        TokenType.BYTE_STRING,
        TokenType.UNICODE_STRING,
    }
)


def code_version(*parts: object) -> str:
    """Return a hash of definitions.

    Texts for people and charts don't count, nor do the layout and comments of SQL and how its words are
    capitalised. A function counts with its source and with that of what it uses of its own package.

    Args:
        parts: Values of the contract, or of what they are made of.
    """
    text = json.dumps([_plain(part) for part in parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        names = [each.name for each in fields(value) if each.name not in _NOT_DATA]
        return {name: _attribute(name, getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return source_texts(value) if callable(value) else value


def _attribute(name: str, value: Any) -> Any:
    return _words(value) if name == "sql" and isinstance(value, str) else _plain(value)


def _words(sql: str) -> list[str]:
    """Return the words of a Spark query. Names are no exception: neither engine tells `User` from `user`.

    Words, and not the query written anew: that would change with sqlglot's version.
    """
    tokens = Dialect.get_or_raise("spark").tokenize(sql.rstrip().rstrip(";"))
    return [sql[token.start : token.end + 1] if token.token_type in _TEXTS else token.text.lower() for token in tokens]
