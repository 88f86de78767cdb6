"""Which producer brings the events: the scheme's log where one is named, else a made-up town."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from streaming_assets import Producer
from streaming_assets.errors import Fault, SettingsError
from streaming_assets_bike_hire.log_file import LogFile
from streaming_assets_bike_hire.town import TownProducer

PREFIX = "STREAMING_ASSETS_BIKE_HIRE_"
OPTIONS = ("log", "rides_per_minute")
_MOST_RIDES = 1_000.0


def create_producer(options: Mapping[str, str]) -> Producer:
    """Make the producer from the source's options, `STREAMING_ASSETS_BIKE_HIRE_*`.

    Args:
        options: `log`, the file to follow; without one, `rides_per_minute` of the made-up town, 6 unless given.

    Raises:
        SettingsError: One or more options are wrong; it names them all.
    """
    faults = [_fault(name, value, f"one of {_variables()}") for name, value in options.items() if name not in OPTIONS]
    rides = _number(options.get("rides_per_minute", "6"))
    if not 0 < rides <= _MOST_RIDES:
        faults.append(_fault("rides_per_minute", options["rides_per_minute"], "a number above 0, up to 1000"))
    if faults:
        raise SettingsError(faults)
    if log := options.get("log"):
        return LogFile(Path(log))
    return TownProducer(rides_per_minute=rides)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _variables() -> str:
    return ", ".join(PREFIX + name.upper() for name in OPTIONS)


def _fault(name: str, found: str, expected: str) -> Fault:
    return Fault(where=PREFIX + name.upper(), found=repr(found), expected=expected)
