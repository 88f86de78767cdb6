"""What stands beside what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_COLUMNS = 2

T = TypeVar("T")


def rows(items: Iterable[T], is_wide: Callable[[T], bool]) -> Iterator[list[T]]:
    """Divide items into rows, in their order: a wide one has a row of its own, two others share one."""
    row: list[T] = []
    for item in items:
        if row and (is_wide(item) or len(row) == _COLUMNS):
            yield row
            row = []
        if is_wide(item):
            yield [item]
        else:
            row.append(item)
    if row:
        yield row
