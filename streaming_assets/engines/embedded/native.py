"""A fast check in DuckDB that accepts records which surely fit; everything else is decided by `fitting`.

The check may be narrower than `fitting`, never wider: DuckDB's parser takes trailing commas, NaN and
infinities, and the first of two fields with one name, so such records are not accepted here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from streaming_assets.contract import Array, EventSchema, Field, FieldType, Rule, ScalarType, Struct
from streaming_assets.engines.embedded.duck import literal, name
from streaming_assets.engines.sql import CARRIED
from streaming_assets.fitting import CLOCK_TOLERANCE, MAX_DEPTH, is_required
from streaming_assets.lake.schemas import COORDINATES

_LENIENT = r"(,\s*[\]}])|([:\[,]\s*-?[nNiI][aAnN][nNfF])"
# DuckDB takes 24:00:00, offsets of any size, and the year 0; the date itself it checks.
_TIMESTAMP = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_FIRST = "TIMESTAMPTZ '0001-01-01 00:00:00+00'"
_LAST = "TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'"
_ACCEPTED = {
    ScalarType.STRING: ("VARCHAR",),
    ScalarType.TEXT: ("VARCHAR", "UBIGINT", "BIGINT", "BOOLEAN"),
    ScalarType.LONG: ("UBIGINT", "BIGINT"),
    ScalarType.DOUBLE: ("DOUBLE", "UBIGINT", "BIGINT"),
    ScalarType.BOOLEAN: ("BOOLEAN",),
    ScalarType.TIMESTAMP: ("VARCHAR",),
    ScalarType.EPOCH_SECONDS: ("UBIGINT", "BIGINT"),
    ScalarType.EPOCH_MILLIS: ("UBIGINT", "BIGINT"),
    ScalarType.DATE: ("VARCHAR",),
}


@dataclass
class NativeCheck:
    """SQL expressions over one record: its text `json`, then `kinds`, `required`, `optional`, `keys`."""

    schema: EventSchema
    """The schema that is checked."""
    _kinds: list[str] = field(default_factory=list)
    _optional: list[str] = field(default_factory=list)
    _loose: dict[str, list[str]] = field(default_factory=dict)
    _conditions: list[str] = field(default_factory=list)
    _values: dict[str, str] = field(default_factory=dict)
    _columns: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Walk the schema once."""
        self._conditions.append(f"{self._kind('$')} = 'OBJECT'")
        self._note_loose(Struct(fields=self.schema.fields), "$", required=True)
        for each in self.schema.fields:
            expression = self._walk(each, "$", "required", self._conditions)
            self._columns.append((each.name, expression))

    @property
    def kinds(self) -> str:
        """The JSON types at all paths, a list; null where `json` is no JSON."""
        return f"TRY(json_type(json, {_list(self._kinds)}))"

    @property
    def required(self) -> str:
        """The required fields, a struct; null where one is missing, does not convert or stands there twice."""
        return f"TRY(json_transform_strict(json, {literal(_structure(self.schema.fields))}))"

    @property
    def optional(self) -> str:
        """The texts of the optional fields, a list; null where `json` is no JSON."""
        return f"TRY(json_extract_string(json, {_list(self._optional or ['$.none'])}))"

    @property
    def strict(self) -> str:
        """Whether the text is JSON for every parser, and not nested too deep."""
        short = f"strlen(json) <= {2 * MAX_DEPTH}"  # every level takes two brackets
        brackets = "length(json) - length(replace(json, '{0}', ''))"
        shallow = f"{brackets.format('{')} + {brackets.format('[')} <= {MAX_DEPTH}"
        lenient = f"regexp_matches(json, {literal(_LENIENT)})"
        return f"NOT {lenient} AND ({short} OR {shallow})"

    @property
    def keys(self) -> str:
        """The names in every object that has optional fields, a list of lists; null where `json` is no JSON."""
        return f"TRY(json_keys(json, {_list(list(self._loose) or ['$'])}))"

    @property
    def columns(self) -> list[tuple[str, str]]:
        """The event's columns: (name, expression)."""
        return self._columns

    @property
    def event_id(self) -> str:
        """The event's own id as text, null if it has none."""
        path = self.schema.event_id
        return f"nullif(CAST({self._values[path]} AS VARCHAR), '')" if path else "CAST(NULL AS VARCHAR)"

    @property
    def event_time(self) -> str:
        """When the event happened."""
        return self._values[self.schema.event_time]

    @property
    def fits(self) -> str:
        """Whether the record surely fits."""
        conditions = [*self._conditions, *self._named_once(), *map(self._rule, self.schema.rules)]
        if self.schema.event_id and is_required(self.schema, self.schema.event_id):
            conditions.append(f"{self.event_id} IS NOT NULL")
        seconds = int(CLOCK_TOLERANCE.total_seconds())
        conditions.append(f"{self.event_time} <= seen_at + INTERVAL {seconds} SECOND")
        return "coalesce(" + " AND ".join(f"({condition})" for condition in conditions) + ", false)"

    def _named_once(self) -> list[str]:
        found = "len(list_filter(keys[{0}], lambda key: key = {1}))"
        return [
            f"coalesce({found.format(index, literal(each))} <= 1, true)"
            for index, names in enumerate(self._loose.values(), start=1)
            for each in names
        ]

    def _rule(self, rule: Rule) -> str:
        text = f"CAST({self._values[rule.field]} AS VARCHAR)"
        demands = [f"{text} IS NOT NULL"] if rule.required else []
        if rule.pattern is not None:
            demands.append(f"({text} IS NULL OR regexp_full_match({text}, {literal(rule.pattern)}))")
        condition = rule.when or rule.unless
        if condition is None:
            return " AND ".join(demands)
        among = ", ".join(map(literal, condition[1]))
        matches = f"coalesce(CAST({self._values[condition[0]]} AS VARCHAR) IN ({among}), false)"
        holds = matches if rule.when else f"NOT {matches}"
        return f"NOT ({holds}) OR ({' AND '.join(demands)})"

    def _walk(self, each: Field, parent: str, place: str | None, conditions: list[str]) -> str:
        """Add the field's conditions and return its value; `place` is the struct it is in, None if optional."""
        path = f"{parent}.{name(each.name)}"
        kind = self._kind(path)
        own: list[str] = []
        inside = f"{place}.{name(each.name)}" if place and each.required else None
        expression = self._value(each, path, inside, own)
        present = " AND ".join(f"({condition})" for condition in own)
        conditions.append(present if each.required else f"{kind} IS NULL OR {kind} = 'NULL' OR ({present})")
        self._values[path.replace('"', "").removeprefix("$.")] = expression
        return expression

    def _value(self, each: Field, path: str, inside: str | None, conditions: list[str]) -> str:
        kind = self._kind(path)
        if isinstance(each.type, Struct):
            conditions.append(f"{kind} = 'OBJECT'")
            self._note_loose(each.type, path, required=inside is not None)
            parts = [
                f"{name(inner.name)} := {self._walk(inner, path, inside, conditions)}" for inner in each.type.fields
            ]
            return f"CASE WHEN {kind} = 'OBJECT' THEN struct_pack({', '.join(parts)}) END"
        if isinstance(each.type, Array):
            conditions.append("false")  # arrays are decided item by item in Python
            return f"CAST(NULL AS {_type(each.type)})"
        text = inside or f"optional[{_index(self._optional, path)}]"
        conditions.append(f"{kind} IN ({', '.join(map(literal, _ACCEPTED[each.type]))})")
        conditions.extend(_value_conditions(text, each.type))
        return _cast(text, each.type)

    def _note_loose(self, struct: Struct, path: str, *, required: bool) -> None:
        # `json_transform_strict` notices a repeated name among the required ones only.
        names = [each.name for each in struct.fields if not (each.required and required)]
        if names:
            self._loose[path] = names

    def _kind(self, path: str) -> str:
        return f"kinds[{_index(self._kinds, path)}]"


def parsed_query(check: NativeCheck, records: str, largest: int) -> str:
    """Return the SQL that parses records and tells which of them surely fit (`_sa_fits`).

    Args:
        check: The check of the source's schema.
        records: A relation: the coordinates, `batch`, `seen_at` and `value`.
        largest: Longest value, in bytes, that is looked at.

    Returns:
        A query of the event's fields, `CARRIED`, `_sa_seen_at` and `_sa_fits`, with a row for each record.
    """
    columns = ", ".join(f"{expression} AS {name(column)}" for column, expression in check.columns)
    places = [*COORDINATES, "batch"]
    carried = ", ".join(name(CARRIED[each]) for each in places)
    return f"""
        WITH raw AS (
            SELECT {", ".join(f"{name(each)} AS {name(CARRIED[each])}" for each in places)}, seen_at,
                   CASE WHEN octet_length(value) <= {largest} THEN TRY(decode(value)) END AS json
            FROM {records}
        ),
        read AS (
            SELECT *, {check.kinds} AS kinds, {check.required} AS required, {check.optional} AS optional,
                   {check.keys} AS keys, {check.strict} AS strict
            FROM raw
        )
        SELECT {columns}, {carried}, seen_at AS _sa_seen_at, {check.event_id} AS _sa_event_id,
               {check.event_time} AS _sa_event_time, coalesce(strict, false) AND {check.fits} AS _sa_fits
        FROM read
    """


def _structure(fields: tuple[Field, ...]) -> str:
    required = [each for each in fields if each.required]
    return "{" + ",".join(f'"{each.name}":{_structure_of(each.type)}' for each in required) + "}"


def _structure_of(kind: FieldType) -> str:
    if isinstance(kind, Struct) and any(each.required for each in kind.fields):
        return _structure(kind.fields)
    return f'"{_TRANSFORMED.get(kind, "VARCHAR")}"' if isinstance(kind, ScalarType) else '"JSON"'


def _index(paths: list[str], path: str) -> int:
    if path not in paths:
        paths.append(path)
    return paths.index(path) + 1


def _value_conditions(text: str, kind: ScalarType) -> list[str]:
    value = _cast(text, kind)
    if kind is ScalarType.LONG:
        return [f"{value} IS NOT NULL"]
    if kind is ScalarType.DOUBLE:
        return [f"isfinite({value})"]
    if kind is ScalarType.TIMESTAMP:
        return [f"regexp_full_match({text}, {literal(_TIMESTAMP)})", f"{value} BETWEEN {_FIRST} AND {_LAST}"]
    if kind in _MICROSECONDS:
        return [f"{value} BETWEEN {_FIRST} AND {_LAST}"]
    if kind is ScalarType.DATE:
        return [f"regexp_full_match({text}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}')", f"{value} >= DATE '0001-01-01'"]
    return []


_MICROSECONDS = {ScalarType.EPOCH_SECONDS: 10**6, ScalarType.EPOCH_MILLIS: 10**3}
_TRANSFORMED = {
    ScalarType.LONG: "BIGINT",
    ScalarType.DOUBLE: "DOUBLE",
    ScalarType.BOOLEAN: "BOOLEAN",
    **dict.fromkeys(_MICROSECONDS, "BIGINT"),
}
_DUCKDB_TYPES = {
    **_TRANSFORMED,
    **dict.fromkeys((ScalarType.TIMESTAMP, *_MICROSECONDS), "TIMESTAMPTZ"),
    ScalarType.DATE: "DATE",
}


def _cast(text: str, kind: ScalarType) -> str:
    if kind in _MICROSECONDS:
        return f"TRY(CAST(make_timestamp(TRY_CAST({text} AS BIGINT) * {_MICROSECONDS[kind]}) AS TIMESTAMPTZ))"
    return f"TRY_CAST({text} AS {_DUCKDB_TYPES[kind]})" if kind in _DUCKDB_TYPES else text


def _type(kind: FieldType) -> str:
    if isinstance(kind, Struct):
        return f"STRUCT({', '.join(f'{name(each.name)} {_type(each.type)}' for each in kind.fields)})"
    return f"{_type(kind.items)}[]" if isinstance(kind, Array) else _DUCKDB_TYPES.get(kind, "VARCHAR")


def _list(paths: list[str]) -> str:
    return "[" + ", ".join(map(literal, paths)) + "]"
