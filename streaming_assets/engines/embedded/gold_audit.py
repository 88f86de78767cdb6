"""A Gold table compared, row by row, with its computation from all of Silver that it contains."""

from __future__ import annotations

from streaming_assets.contract import ScalarType
from streaming_assets.engines.audits import EXAMPLES, GoldAudit, Scope
from streaming_assets.engines.embedded.duck import count, name
from streaming_assets.engines.embedded.gold import Aggregator
from streaming_assets.engines.embedded.samples import sampled
from streaming_assets.lake import layout
from streaming_assets.lake.files import DataFile
from streaming_assets.lake.opening import open_table
from streaming_assets.lake.snapshot import NO_BATCH


def audit_gold(aggregator: Aggregator, scope: Scope) -> GoldAudit:
    """Compare; see `Engine.audit_gold`."""
    source, table, connection = aggregator.source, aggregator.table, aggregator.connection
    silver = open_table(layout.silver(source), aggregator.lake)
    gold = open_table(layout.gold(source, table), aggregator.lake)
    batch = gold.batch if gold else NO_BATCH
    files = [file for file in silver.files() if file.low.get("batch", batch) <= batch] if silver else []
    groups = _groups(aggregator, files, scope)
    aggregator.compute(files, f"batch <= {batch}", groups)
    held = gold.files() if gold else []
    if batch == NO_BATCH and not held:  # never computed: it has not even the row that a sum of nothing gives
        connection.execute("DELETE FROM computed")
    stored = aggregator.stored(held)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW actual AS SELECT * FROM ({stored}) WHERE {groups}")
    columns = ", ".join(_comparable(column.name, column.type) for column in table.columns)
    missing, unexpected = (
        f"SELECT {columns} FROM {one} EXCEPT ALL SELECT {columns} FROM {other}"
        for one, other in (("computed", "actual"), ("actual", "computed"))
    )
    keys = ", ".join(map(name, table.keys))
    repeated = f"SELECT {keys} FROM actual GROUP BY ALL HAVING count(*) > 1"
    wrong = {"missing": missing, "unexpected": unexpected, "repeated": repeated}
    counts = {what: count(connection, f"({query})") for what, query in wrong.items()}
    shown = (_examples(aggregator, query, what) for what, query in wrong.items() if counts[what])
    return GoldAudit(
        table=table.name,
        rows=count(connection, "actual"),
        missing=counts["missing"],
        unexpected=counts["unexpected"],
        repeated_keys=counts["repeated"],
        examples=tuple(each for some in shown for each in some),
    )


def _groups(aggregator: Aggregator, files: list[DataFile], scope: Scope) -> str:
    """Return the condition of the windows or keys that are in the scope; a table without them is compared whole."""
    group = "window_start" if aggregator.table.window else aggregator.table.per
    if group is None:
        return "true"
    chosen = sampled(scope.share, f"CAST({name(group)} AS VARCHAR)")
    if scope.after == NO_BATCH and scope.upto is None:
        return chosen
    batches = f"batch > {scope.after}" + ("" if scope.upto is None else f" AND batch <= {scope.upto}")
    touched = f"SELECT DISTINCT {name(group)} FROM ({aggregator.silver(files, batches)})"
    aggregator.connection.execute(f"CREATE OR REPLACE TEMP TABLE touched_groups AS {touched}")
    return f"{chosen} AND {name(group)} IN (SELECT {name(group)} FROM touched_groups)"


def _examples(aggregator: Aggregator, query: str, what: str) -> list[str]:
    keys = aggregator.table.keys
    some = aggregator.connection.sql(
        f"SELECT DISTINCT {', '.join(map(name, keys))} FROM ({query}) ORDER BY ALL LIMIT {EXAMPLES}"
    )
    rows = some.fetchall()
    return [f"{what}: {', '.join(f'{key} {value}' for key, value in zip(keys, row, strict=True))}" for row in rows]


def _comparable(column: str, kind: object) -> str:
    # Sums of doubles depend on the order of rows; nine digits do not.
    return f"printf('%.9g', {name(column)}) AS {name(column)}" if kind is ScalarType.DOUBLE else name(column)
