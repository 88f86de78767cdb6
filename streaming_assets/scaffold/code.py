"""Python expressions as text, laid out as a formatter would: on one line where there is room, else a line a part."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from streaming_assets.contract import Array, Field, FieldType, ScalarType

_WIDTH = 120
_STEP = 4

_CLEAR = "ßæœøđðþłÆŒØĐÐÞŁ"
_CLEAR_SCRIPTS = ("CJK UNIFIED", "HIRAGANA", "KATAKANA LETTER", "HANGUL SYLLABLE")
_STROKES = "\u30ce\u4e36\u4e3f"
"""Of these scripts what looks like a slash."""


@dataclass(frozen=True)
class Bracketed:
    """A call or a tuple."""

    opening: str
    """What stands before the parts, with the bracket."""
    parts: Sequence[tuple[str, Expression]]
    """The parts, each with what stands before it, such as `name=`."""
    spread: bool = field(default=False, kw_only=True)
    """Whether each part has a line of its own even where one line has room."""


Expression = str | Bracketed


def layout(expression: Expression, *, indent: int = 0, before: int = 0, after: int = 1) -> str:
    """Return an expression as text.

    Args:
        expression: The expression.
        indent: Columns that the line it stands on is indented by.
        before: Characters that stand before it on its line, besides the indent.
        after: Characters that follow it on its last line.
    """
    flat = _flat(expression)
    if isinstance(expression, str) or (not _spread(expression) and indent + before + len(flat) + after <= _WIDTH):
        return flat
    inside = indent + _STEP
    lines = [f"{' ' * inside}{name}{layout(part, indent=inside, before=len(name))}," for name, part in expression.parts]
    return "\n".join([expression.opening, *lines, f"{' ' * indent})"])


def _spread(expression: Expression) -> bool:
    if isinstance(expression, str):
        return False
    return expression.spread or any(_spread(part) for _, part in expression.parts)


def _flat(expression: Expression) -> str:
    if isinstance(expression, str):
        return expression
    parts = [f"{name}{_flat(part)}" for name, part in expression.parts]
    only = "," if expression.opening == "(" and len(parts) == 1 else ""
    return f"{expression.opening}{', '.join(parts)}{only})"


def text(value: str) -> str:
    """Return a string literal, in those quotes that need fewer escapes."""
    doubled = escaped(json.dumps(value, ensure_ascii=False))
    if value.count('"') <= value.count("'"):
        return doubled
    return "'" + doubled[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"


def escaped(value: str) -> str:
    """Return what a literal says with escapes for letters that look like ASCII ones, which linters refuse."""
    return "".join(
        letter if _is_clear(letter) else letter.encode("ascii", "backslashreplace").decode() for letter in value
    )


def _is_clear(letter: str) -> bool:
    if letter.isascii():
        return True
    base, name = unicodedata.normalize("NFD", letter), unicodedata.name(letter, "")
    accented = name.startswith("LATIN") and base != letter and base[0].isascii()
    return accented or letter in _CLEAR or (name.startswith(_CLEAR_SCRIPTS) and letter not in _STROKES)


def declared(each: Field) -> Bracketed:
    """Return the declaration of a field or column."""
    parts: list[tuple[str, Expression]] = [("name=", text(each.name)), ("type=", _type(each.type))]
    if not each.required:
        parts.append(("required=", "False"))
    if each.description:
        parts.append(("description=", text(each.description)))
    return Bracketed("Field(", parts)


def _type(kind: FieldType) -> Expression:
    if isinstance(kind, ScalarType):
        return f"ScalarType.{kind.name}"
    if isinstance(kind, Array):
        return Bracketed("Array(", [("items=", _type(kind.items))])
    return Bracketed("Struct(", [("fields=", several([declared(each) for each in kind.fields]))])


def several(parts: Sequence[Expression], *, spread: bool = False) -> Bracketed:
    """Return a tuple; one of a single part is not spread, as formatters join it."""
    return Bracketed("(", [("", part) for part in parts], spread=spread and len(parts) > 1)
