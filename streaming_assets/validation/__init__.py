"""Whether a source's definition makes sense; all of its faults at once, before any data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from streaming_assets.contract import EventSource
from streaming_assets.errors import Fault
from streaming_assets.validation.gold import check_gold
from streaming_assets.validation.schema import check_schema
from streaming_assets.validation.silver import check_silver
from streaming_assets.validation.source import RESERVED_NAMES, check_identity, check_producer, check_topic
from streaming_assets.validation.types import type_faults

__all__ = ["RESERVED_NAMES", "validate"]


def validate(source: EventSource) -> list[Fault]:
    """Check a definition as a whole; an empty list says that it can be used.

    A definition may hold anything anywhere, as dataclasses check no types. Where a part has a value of a
    wrong type, what depends on that part is checked once the type is mended. It never raises.
    """
    faults = _guarded("source", lambda: type_faults(source, EventSource, "source"))
    wrong = {fault.where.split(".")[1].split("[")[0] if "." in fault.where else "source" for fault in faults}
    for parts, check in _checks(source):
        if not wrong & {"source", *parts}:
            faults += _guarded(parts[-1], check)
    return list(dict.fromkeys(_relative(fault) for fault in faults))


def _checks(source: EventSource) -> list[tuple[tuple[str, ...], Callable[[], Iterable[Fault]]]]:
    return [
        (("name", "title", "description", "owners"), lambda: check_identity(source)),
        (("producer",), lambda: check_producer(source.producer)),
        (("schema", "topic"), lambda: check_topic(source.topic, source.schema)),
        (("schema",), lambda: check_schema(source.schema)),
        (("schema", "silver"), lambda: check_silver(source.silver, source.schema)),
        (("silver", "gold"), lambda: check_gold(source.gold, source.silver)),
    ]


def _guarded(where: str, check: Callable[[], Iterable[Fault]]) -> list[Fault]:
    try:
        return list(check())
    except Exception as error:  # noqa: BLE001 - whatever a definition holds, its author gets a fault, not a crash
        found = f"something that can't be checked ({type(error).__name__}: {error})"
        return [Fault(where, found, "a plainer definition")]


def _relative(fault: Fault) -> Fault:
    return replace(fault, where=fault.where.removeprefix("source."))
