"""A source in several definitions, on Bronze written by hand, and a program that refreshes it: `HOME SOURCE STEP…`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from streaming_assets.contract import Field, GoldTable, ScalarType
from tests.support import lab

BATCHES, RECORDS = 4, 40
SMALL = {"batch_records": 20}
"""Settings under which Silver takes one or two of those batches at a time."""

COUNTS = lab.per_kind("counts", window="1 hour")
SPENT = GoldTable(
    name="spent",
    description="Amounts by user.",
    per="user",
    sql="SELECT user, sum(amount) AS amount FROM silver GROUP BY user",
    columns=(Field(name="user", type=ScalarType.STRING), Field(name="amount", type=ScalarType.LONG, required=False)),
    keys=("user",),
)
KINDS = GoldTable(
    name="kinds",
    description="Events by kind.",
    sql="SELECT kind, count(*) AS n FROM silver GROUP BY kind",
    columns=(Field(name="kind", type=ScalarType.STRING), Field(name="n", type=ScalarType.LONG)),
    keys=("kind",),
)

FIRST = lab.build_source(gold=(COUNTS, SPENT, KINDS))
UPPER = replace(FIRST, silver=replace(FIRST.silver, sql="SELECT upper(kind) AS kind, user, amount FROM events"))
"""The same columns by another query."""
DESCRIBED = replace(
    FIRST,
    title="Another title",
    silver=replace(FIRST.silver, description="Other words.", sql="select KIND,  user, amount -- all\nfrom events"),
    gold=tuple(replace(table, description="Other words.", charts=()) for table in FIRST.gold),
)
"""The same definitions in other words."""
WIDER = replace(
    FIRST,
    schema=replace(
        FIRST.schema,
        fields=tuple(
            replace(each, type=ScalarType.TEXT) if each.name == "amount" else each for each in FIRST.schema.fields
        ),
    ),
    silver=replace(
        FIRST.silver,
        sql="SELECT upper(kind) AS kind, user, length(user) AS letters, try_cast(amount AS BIGINT) AS amount "
        "FROM events",
        columns=(*FIRST.silver.columns, Field(name="letters", type=ScalarType.LONG, required=False)),
    ),
)
"""Records fit that do not fit the first, and Silver has one more column."""
LONGEST = replace(
    FIRST,
    gold=(
        COUNTS,
        replace(
            SPENT,
            sql="SELECT user, max(length(kind)) AS length FROM silver GROUP BY user",
            columns=(SPENT.columns[0], Field(name="length", type=ScalarType.LONG)),
        ),
        KINDS,
    ),
)
"""Another column in one Gold table."""
SOURCES = {"first": FIRST, "upper": UPPER, "wider": WIDER, "longest": LONGEST}


def records(batch):
    """The events of a batch: some come twice, in one batch or in two, and some do not fit `FIRST`, some none."""
    for number in range(RECORDS):
        index = batch * RECORDS + number
        event = index - 5 if number % 10 == 9 else index
        event -= RECORDS if number == 0 and batch else 0
        yield {
            "id": str(event),
            "at": f"2026-03-01T{event // 60:02}:{event % 60:02}:00Z",
            "kind": None if number == 7 else "odd" if event % 2 else "even",
            "user": f"u{event % 7}",
            "amount": "many" if event % 8 == 3 else event,
        }


def new_lab(home, source):
    """Return the lab of a source; its user closes the engine."""
    return lab.Lab(Path(home), source, **SMALL)


def fill(made):
    """Write all of Bronze."""
    for batch in range(BATCHES):
        made.bronze(*records(batch))


def refresh(made, *steps):
    """Do steps: `refine`, `rebuild`, `gold`; return what was done."""
    done = []
    for step in steps:
        if step == "gold":
            done += [made.engine.aggregate(made.source, table) for table in made.source.gold]
        else:
            done += list(getattr(made.engine, step)(made.source))
    return done


if __name__ == "__main__":
    home, name, *steps = sys.argv[1:]
    refresh(new_lab(home, SOURCES[name]), *steps)
