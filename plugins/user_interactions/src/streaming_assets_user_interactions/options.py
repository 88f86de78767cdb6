"""The producer's options: `STREAMING_ASSETS_USER_INTERACTIONS_*`, checked as a whole, all faults at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streaming_assets.errors import Fault, SettingsError

PREFIX = "STREAMING_ASSETS_USER_INTERACTIONS_"


class Options(BaseModel):
    """What a person can set about the simulated audience."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)

    seed: int = Field(0, description="The same seed and clock give the same events.")
    rate: float = Field(20.0, gt=0, le=1e6, description="Events per second, on average.")
    videos: int = Field(5, ge=1, le=1000, description="Streams that run at the same time.")
    viewers: int = Field(500, ge=1, le=10**6, description="People who come and go.")
    faults: float = Field(
        0.005, ge=0, le=1, description="Share of events that come twice, late or malformed; 0 turns it off."
    )


def load_options(options: Mapping[str, str]) -> Options:
    """Check the options of the source.

    Args:
        options: Option name, in small letters, to text.

    Raises:
        SettingsError: One or more are wrong; it names every variable.
    """
    try:
        return Options.model_validate(dict(options))
    except ValidationError as error:
        raise SettingsError([_fault(detail) for detail in error.errors()]) from None


def _fault(detail: Any) -> Fault:
    name = str(detail["loc"][0])
    known = ", ".join(sorted(PREFIX + field.upper() for field in Options.model_fields))
    expected = detail["msg"] if name in Options.model_fields else f"one of {known}"
    return Fault(where=PREFIX + name.upper(), found=repr(detail["input"]), expected=expected)
