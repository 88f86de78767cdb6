"""Silver and Gold are what is declared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from hashlib import sha256
from typing import Any

import pyarrow as pa

from streaming_assets.engines.embedded.functions import call_function
from streaming_assets.errors import NotConforming
from streaming_assets.fitting import Reason
from streaming_assets.lake.schemas import arrow_type, events_schema
from streaming_assets.testing.lake import HandmadeLake
from streaming_assets.testing.subject import Subject
from streaming_assets.testing.surroundings import isolated_settings

_EXACT_BITS = 32
"""Whole numbers of so many bits are doubles exactly."""

_UTC = ("UTC", "+00:00", "Etc/UTC", "Z")


def check_tables(subject: Subject) -> None:
    """Check that the tables can be filled, with a row of Silver for each event that fits and some of each Gold table.

    Raises:
        PluginError: A transform or query can't run, or does not give the declared columns.
        NotConforming: Silver fails on events that fit, a function gives other types, or a Gold table stays empty.
    """
    name = subject.source.name
    refuse_failures(subject.tables, name)
    other = list(_other_types(subject))
    if other:
        raise NotConforming(
            f"The Silver function of {name} does not give the declared columns.",
            found="\n".join(f"- {fault}" for fault in other),
            expected="columns of the declared types, for no event as well",
            meaning="values would be rounded or cut by a cast, records go to quarantine, or a refresh fails",
            remedy="build each column with its Arrow type, `pa.array(values, pa.int64())`, or declare what it has",
        )
    empty = [table.name for table in subject.source.gold if not subject.tables.gold(table)]
    if empty:
        raise NotConforming(
            f"The producer's {len(subject.arrivals):,} events give no row of {', '.join(empty)}.",
            expected="some rows, for else nothing is tested of it",
            remedy="let the producer give events that reach it (fixture `producer_options`), or correct its SQL",
        )


def refuse_failures(lake: HandmadeLake, name: str) -> None:
    """Refuse that Silver fails on events that fit the schema.

    Raises:
        NotConforming: It does.
    """
    failed = [row for row in lake.quarantine() if row["reason"] == Reason.SILVER_FAILED]
    if failed:
        raise NotConforming(
            f"Silver of {name} fails on {len(failed):,} events that fit the schema.",
            found=f"{failed[0]['detail']}, for {bytes(failed[0]['value'])[:300]!r}",
            expected="a row for each event that fits",
            meaning="such events would go to quarantine",
            remedy="let Silver take what the schema allows, such as a field that is missing; or tighten the schema",
        )


def _other_types(subject: Subject) -> Iterator[str]:
    if subject.source.silver.function is None:
        return
    schema = subject.source.schema
    limit = isolated_settings(subject.folder).function_timeout_seconds
    rows = [_hidden(arrival.fit.event, schema.pseudonymous) for arrival in subject.arrivals]
    for events in (rows, []):
        number = f"{len(events):,} events" if events else "no event"
        try:
            table = pa.Table.from_pylist(events, schema=events_schema(schema))
            given: Any = call_function(subject.source, table, limit)
            types = {column.name: given.column(column.name).type for column in subject.source.silver.columns}
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            yield f"{type(error).__name__} for {number}: {error}"
            continue
        for column in subject.source.silver.columns:
            declared = arrow_type(column.type)
            if not _holds(declared, types[column.name]):
                yield f"{column.name} is {types[column.name]} instead of {declared} for {number}"


def _hidden(event: Mapping[str, Any], paths: Collection[str]) -> dict[str, Any]:
    """Return an event as a function gets it: with something like a pseudonym in place of each text at some paths."""
    given = deepcopy(dict(event))
    for path in paths:
        *outer, name = path.split(".")
        inner: Any = given
        for each in outer:
            inner = inner.get(each) if isinstance(inner, dict) else None
        if isinstance(inner, dict) and isinstance(inner.get(name), str):
            inner[name] = sha256(inner[name].encode()).hexdigest()[:32]
    return given


def _holds(declared: pa.DataType, given: pa.DataType) -> bool:
    """Tell whether a type has every value of another: polars has its own texts, and numpy narrower numbers."""
    if pa.types.is_dictionary(given):
        return _holds(declared, given.value_type)
    if declared == given or pa.types.is_null(given):
        return True
    if pa.types.is_list(declared):
        return _is_list(given) and _holds(declared.value_type, given.value_type)
    if pa.types.is_struct(declared):
        return pa.types.is_struct(given) and _hold_each(list(declared), list(given))
    return any(is_declared(declared) and may_be(given) for is_declared, may_be in _LOSSLESS)


def _hold_each(declared: Sequence[pa.Field], given: Sequence[pa.Field]) -> bool:
    named = [field.name for field in declared] == [field.name for field in given]
    return named and all(_holds(one.type, other.type) for one, other in zip(declared, given, strict=True))


def _is_list(given: pa.DataType) -> bool:
    kinds = ("list", "large_list", "fixed_size_list", "list_view", "large_list_view")
    return any(getattr(pa.types, f"is_{kind}")(given) for kind in kinds)


def _is_text(given: pa.DataType) -> bool:
    return bool(pa.types.is_large_string(given) or pa.types.is_string_view(given))


def _is_whole(given: pa.DataType) -> bool:
    return bool(pa.types.is_integer(given) and not pa.types.is_uint64(given))


def _is_number(given: pa.DataType) -> bool:
    return bool(pa.types.is_floating(given) or (pa.types.is_integer(given) and given.bit_width <= _EXACT_BITS))


def _is_time(given: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(given) and given.unit != "ns" and given.tz in _UTC)


_LOSSLESS: Sequence[tuple[Callable[[pa.DataType], bool], Callable[[pa.DataType], bool]]] = (
    (pa.types.is_string, _is_text),
    (pa.types.is_int64, _is_whole),
    (pa.types.is_float64, _is_number),
    (pa.types.is_timestamp, _is_time),
)
"""Declared types, each with other types whose values it has all of."""
