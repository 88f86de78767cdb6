"""Values of options, read from text; what can't be read is refused in words of ours, with what is expected instead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import typer

from streaming_assets.errors import InvalidMoment
from streaming_assets.layers.moments import read_moment

LEAST_SHARE = 0.000001
"""The smallest sample: rows are chosen by a hash of a million values."""


def parse_moment(text: str) -> datetime:
    """Read the value of an option that is a moment; see `read_moment`.

    Raises:
        BadParameter: It is none.
    """
    try:
        return read_moment(text)
    except InvalidMoment as error:
        raise typer.BadParameter(f"{error.summary.rstrip('.')}; expected {error.expected}") from None


def parse_share(text: str) -> float:
    """Read the value of an option that is a share of rows.

    Raises:
        BadParameter: It is no number, more than all, or less than what a hash can choose.
    """
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not LEAST_SHARE <= share <= 1:
        raise typer.BadParameter(f"{text!r} is not a share; expected a number from {LEAST_SHARE:f} to 1")
    return share


def one_of(what: str, *names: str) -> Callable[[str], str]:
    """Return the reader of an option that names one of a few things.

    Args:
        what: What they are, in words: `an engine`.
        names: Their names.
    """
    expected = " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

    def parse(text: str) -> str:
        if text not in names:
            raise typer.BadParameter(f"{text!r} is not {what}; expected {expected}")
        return text

    return parse
