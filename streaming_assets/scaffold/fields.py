"""The fields of a schema, the single values among them, and why others have no place in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from streaming_assets.contract import Field, ScalarType, Struct
from streaming_assets.scaffold.names import quoted
from streaming_assets.scaffold.shapes import DEEPEST, Shape, scalar_of
from streaming_assets.validation.names import event_field_faults

_DECLARE = "; declare it with Array if a table needs it"


@dataclass(frozen=True)
class Leaf:
    """A single value outside of arrays."""

    path: str
    """Where it stands; no name in it has a dot."""
    type: ScalarType
    """The type that takes all its values."""
    required: bool
    """Whether every event has it, and so all objects around it."""
    shape: Shape
    """Its values."""


@dataclass(frozen=True)
class LeftOut:
    """What has no place in the schema."""

    path: str
    """Where it stands; a name that no schema takes is quoted."""
    reason: str
    """Why."""

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Found:
    """What a schema can be made of."""

    fields: list[Field] = field(default_factory=list)
    """The fields that have a place in it."""
    leaves: list[Leaf] = field(default_factory=list)
    """The single values in these."""
    left_out: list[LeftOut] = field(default_factory=list)
    """The others."""


def find(shape: Shape, before: str = "", *, required: bool = True) -> Found:
    """Return what a schema can be made of.

    Args:
        shape: The shape of the events, or of objects inside of them.
        before: What comes before the names of its fields in their paths.
        required: Whether every event has such an object.
    """
    found = Found()
    for name, inner in shape.fields.items():
        reason = _unfit(name, inner, found.fields) or _add(found, name, inner, before, required=required)
        if reason:
            found.left_out.append(LeftOut(before + quoted(name), reason))
    return found


def with_time(fields: Iterable[Field], path: Sequence[str], kind: ScalarType) -> tuple[Field, ...]:
    """Return fields of which the one at a path has the type of the event's time."""
    return tuple(_retyped(each, path, kind) if each.name == path[0] else each for each in fields)


def _retyped(each: Field, path: Sequence[str], kind: ScalarType) -> Field:
    if isinstance(each.type, Struct):
        return replace(each, type=Struct(fields=with_time(each.type.fields, path[1:], kind)))
    return replace(each, type=kind)


def _unfit(name: str, shape: Shape, others: Iterable[Field]) -> str | None:
    """Say why there can be no field of a name at its place; None if there can."""
    if any(name.lower() == other.name.lower() for other in others):
        return "another field has the same name but for capitals"
    if shape.depth > DEEPEST:
        return f"{DEEPEST} objects or more around it, which is too deep"
    fault = next(event_field_faults([Field(name=name, type=ScalarType.STRING)], ""), None)
    return f"no name that a schema takes ({fault.expected})" if fault else None


def _add(found: Found, name: str, shape: Shape, before: str, *, required: bool) -> str | None:
    """Add a field to what was found; say why if it has no place there."""
    path, always = before + name, required and shape.required
    if set(shape.kinds) == {"object"}:
        inside = find(shape, f"{path}.", required=always)
        found.leaves.extend(inside.leaves)
        found.left_out.extend(inside.left_out)
        if inside.fields:
            found.fields.append(Field(name=name, type=Struct(fields=tuple(inside.fields)), required=shape.required))
        return None if inside.fields or inside.left_out else "an object without fields"
    kind = scalar_of(shape)
    if kind is None:
        return _no_type(shape)
    found.fields.append(Field(name=name, type=kind, required=shape.required))
    found.leaves.append(Leaf(path, kind, always, shape))
    return None


def _no_type(shape: Shape) -> str:
    if set(shape.kinds) == {"array"}:
        alike = shape.items is not None and shape.items.required and len(shape.items.kinds) == 1
        return f"an array, which stays in Bronze{_DECLARE if alike else ', without items of one type'}"
    if not shape.kinds:
        return "never has a value in the sample"
    return "values of several kinds: " + ", ".join(sorted(shape.kinds))
