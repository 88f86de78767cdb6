"""A source before and after its plugin was mended, and a program that replays its quarantine: `HOME replay|refresh`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from streaming_assets.contract import Field, GoldTable, ScalarType
from streaming_assets.engines.protocol import Replayed, Selection
from streaming_assets.layers.refresh import SourceRefresh
from streaming_assets.layers.verify import verify
from tests.support import lab

ALL = Selection()
SMALL = {"batch_records": 2}
"""Settings under which a slice of quarantine has six records."""

PER_KIND = lab.per_kind("per_kind", window="1 minute")
PER_USER = GoldTable(
    name="per_user",
    description="Events of each user.",
    sql="SELECT user, count(*) AS events FROM silver GROUP BY user",
    columns=(Field(name="user", type=ScalarType.STRING), Field(name="events", type=ScalarType.LONG)),
    keys=("user",),
    per="user",
)
TOTAL = GoldTable(
    name="total",
    description="All events.",
    sql="SELECT 'all' AS of, count(*) AS events FROM silver",
    columns=(Field(name="of", type=ScalarType.STRING), Field(name="events", type=ScalarType.LONG)),
    keys=("of",),
)
GOLD = (PER_KIND, PER_USER, TOTAL)

AFTER = lab.build_source(gold=GOLD)
"""The amount of an event may be left out."""
BEFORE = replace(
    AFTER,
    schema=replace(
        AFTER.schema,
        fields=tuple(replace(each, required=True) if each.name == "amount" else each for each in AFTER.schema.fields),
    ),
)
"""It may not."""


def event(identity, *, minute=0, **fields):
    """Return an event."""
    return {"id": identity, "at": f"2026-03-01T11:{minute:02}:00Z", "kind": "view", "user": "ada", **fields}


def nameless(identity, **fields):
    """Return an event that fits after, but not before."""
    return event(identity, amount=None, **fields)


def whole(identity, **fields):
    """Return an event that fits before and after."""
    return event(identity, amount=1, **fields)


def refresh(mended):
    """Bring what Bronze has to all other tables."""
    mended.refine()
    for table in GOLD:
        mended.aggregate(table.name)


def replay(mended, selection=ALL):
    """Replay as the commands do; return what became of the slices."""
    steps = SourceRefresh(mended.source, mended.settings, mended.engine, None).replay(selection)
    return [step for step in steps if isinstance(step, Replayed)]


def faults(mended):
    """Return the findings of `verify` that do not hold."""
    return [finding for finding in verify(mended.source, mended.engine) if not finding.passed]


def main(home, step):
    """Refresh or replay in a process of its own."""
    mended = lab.Lab(Path(home), AFTER, **SMALL)
    {"replay": replay, "refresh": refresh}[step](mended)
    mended.engine.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
