"""Moments as values of options."""

from __future__ import annotations

from datetime import datetime

import typer

from streaming_assets.errors import InvalidMoment
from streaming_assets.layers.moments import read_moment


def parse_moment(text: str) -> datetime:
    """Read the value of an option that is a moment; see `read_moment`.

    Raises:
        BadParameter: It is none.
    """
    try:
        return read_moment(text)
    except InvalidMoment as error:
        raise typer.BadParameter(f"{error.summary} Expected is {error.expected}.") from None
