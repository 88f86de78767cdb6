"""Dotted paths into events and schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streaming_assets.contract import EventSchema, Struct


def lookup(event: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path, None where any part of it is missing."""
    value: Any = event
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def is_required(schema: EventSchema, path: str) -> bool:
    """Tell whether every field along a dotted path is required."""
    fields = schema.fields
    for name in path.split("."):
        field = next(field for field in fields if field.name == name)
        if not field.required:
            return False
        fields = field.type.fields if isinstance(field.type, Struct) else ()
    return True
