"""Which values may be personal data, by their names or by what they are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from ipaddress import ip_address

from streaming_assets.contract import ScalarType
from streaming_assets.scaffold.fields import Leaf
from streaming_assets.scaffold.names import snake

_PERSONS = "user|customer|client|member|person|patient|employee|subscriber|visitor|viewer|actor|author|account|device"
_NAMES = re.compile(
    rf"(.*_)?(({_PERSONS})_?(id|uuid|name|login|number)"
    r"|e_?mail(_address)?|mail|phone(_?number)?|mobile|telephone|tel|msisdn|imei"
    r"|ip|ip_?(addr|address|v4|v6)|remote_addr|mac_?(addr|address)"
    r"|(first|last|full|given|family|sur|nick|display)_?name|login"
    r"|((street|home|postal|billing|shipping)_?)?address|birth_?(day|date)|date_of_birth|ssn|iban|passport(_number)?)"
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_PHONE = re.compile(r"\+\d[\d ()/-]{6,}\d")
_VALUES = frozenset({ScalarType.STRING, ScalarType.TEXT, ScalarType.LONG})


def personal(leaves: Iterable[Leaf]) -> list[Leaf]:
    """Return the values that may be personal data."""
    return [
        leaf for leaf in leaves if leaf.type in _VALUES and (_is_named_so(leaf.path) or _looks_so(leaf.shape.distinct))
    ]


def _is_named_so(path: str) -> bool:
    return _NAMES.fullmatch("_".join(map(snake, path.split(".")))) is not None


def _looks_so(texts: Collection[str]) -> bool:
    """Tell whether at least half of different texts are e-mail addresses, telephone numbers or IP addresses."""
    found = sum(1 for text in texts if _EMAIL.fullmatch(text) or _PHONE.fullmatch(text) or _is_ip(text))
    return found * 2 >= max(len(texts), 1)


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
