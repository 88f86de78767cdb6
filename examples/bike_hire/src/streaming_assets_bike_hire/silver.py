"""The clean events: one flat row for each, with the length of the way that was ridden."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from streaming_assets import Field, ScalarType, SilverTable
from streaming_assets_bike_hire.paths import decode, kilometres


def clean(events: pa.Table) -> pa.Table:
    """Return a row for each event, in the same order.

    The schema lets no path through that could not be read. Where a function fails all the same, the framework finds the
    record it fails on, and quarantines that one alone.
    """
    return pa.table(
        {
            "kind": events["kind"],
            "rider": events["rider"],
            "bike": pc.struct_field(events["bike"], "id"),
            "battery": pc.struct_field(events["bike"], "battery"),
            "station": pc.struct_field(events["station"], "name"),
            "km": pa.array([_length(path) for path in events["path"].to_pylist()], pa.float64()),
        }
    )


def _length(path: str | None) -> float | None:
    return None if path is None else kilometres(decode(path))


SILVER = SilverTable(
    description="One row for each hire, return and service of a bike.",
    function=clean,
    columns=(
        Field(name="kind", type=ScalarType.STRING, description="`hire`, `return` or `service`."),
        Field(name="rider", type=ScalarType.STRING, required=False, description="Pseudonym of the rider."),
        Field(name="bike", type=ScalarType.STRING, description="The bike."),
        Field(name="battery", type=ScalarType.LONG, description="Its charge, in percent."),
        Field(name="station", type=ScalarType.STRING, description="Where it was taken from or put."),
        Field(name="km", type=ScalarType.DOUBLE, required=False, description="Length of its path; a `return` has one."),
    ),
)
