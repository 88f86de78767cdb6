"""Record keys, taken out of an event without reading the rest of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec


def key_reader(path: str | None) -> Callable[[bytes], bytes | None]:
    """Return a function from an event's bytes to its record key.

    The key is the text of the field: a string's own text, and for a number or boolean its JSON text as it stands.
    There is no key where the event is no JSON, the field is missing or null, or it holds an object or a list: whether
    an event fits is decided later, from the bytes in Bronze.

    Args:
        path: Dotted path of the field; None gives no event a key.
    """
    if path is None:
        return lambda _value: None
    names = path.split(".")
    decode = msgspec.json.Decoder(_shape(names)).decode

    def key(value: bytes) -> bytes | None:
        try:
            found: Any = decode(value)
            for _ in names:
                found = found.inner
            return _text(bytes(found))
        except (msgspec.MsgspecError, UnicodeError):
            return None

    return key


def _shape(names: list[str]) -> Any:
    """Make the type of an object of which only the path is decoded, and its end left as raw JSON."""
    shape: Any = msgspec.Raw
    for name in reversed(names):
        shape = msgspec.defstruct("Shape", [("inner", shape)], rename={"inner": name})
    return shape


def _text(json: bytes) -> bytes | None:
    if json.startswith(b'"'):
        return msgspec.json.decode(json, type=str).encode()
    return None if json.startswith((b"{", b"[")) or json == b"null" else json
