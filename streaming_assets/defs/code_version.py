"""Versions of definitions: Dagster shows tables whose definition changed since they were filled."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

# What only people read does not change what a table holds.
_NOT_DATA = frozenset({"title", "description", "charts", "owners"})


def code_version(*parts: object) -> str:
    """Return a hash of definitions; texts for people and charts don't count, a function counts with its source.

    Args:
        parts: Values of the contract, or of what they are made of.
    """
    text = json.dumps([_plain(part) for part in parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        names = [each.name for each in fields(value) if each.name not in _NOT_DATA]
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return _source(value) if callable(value) else value


def _source(function: Callable[..., object]) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):  # made at run time, or written in C
        return f"{function.__module__}.{getattr(function, '__qualname__', type(function).__qualname__)}"
