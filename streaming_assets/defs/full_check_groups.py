"""The asset checks of everything that is stored, in groups that share what they read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import dagster as dg

from streaming_assets.contract import EventSource, GoldTable
from streaming_assets.defs.checks import check_result
from streaming_assets.defs.translator import table_key
from streaming_assets.lake import layout
from streaming_assets.lake.layout import TableId
from streaming_assets.layers.findings import Finding
from streaming_assets.layers.verify import Verifier


@dataclass(frozen=True, slots=True)
class Group:
    """Checks that are run together; their findings come in the order of their specs."""

    name: str
    """Name among the groups of the source."""
    specs: Sequence[dg.AssetCheckSpec]
    """The checks."""
    verify: Callable[[Verifier], Iterable[Finding]]
    """What finds out."""

    def results(self, verifier: Verifier) -> Iterator[dg.AssetCheckResult]:
        """Yield what the checks find."""
        for spec, finding in zip(self.specs, self.verify(verifier), strict=True):
            yield check_result(finding, spec.asset_key, name=spec.name)


def groups(source: EventSource) -> list[Group]:
    """Return the groups of a source."""
    bronze = _bronze_specs(source)
    return [
        Group("bronze", bronze, lambda verifier: [verifier.check_offsets(), verifier.check_batches()]),
        Group("counts", _count_specs(source), lambda verifier: verifier.check_counts()),
        Group("rows", _row_specs(source), lambda verifier: verifier.check_rows()),
        *(_gold(source, table) for table in source.gold),
    ]


def group_named(source: EventSource, name: str | None) -> Group:
    """Return a group of a source."""
    return next(group for group in groups(source) if group.name == name)


def _bronze_specs(source: EventSource) -> list[dg.AssetCheckSpec]:
    bronze = layout.bronze(source)
    offsets = (
        "Every offset of the committed range is in Bronze exactly once, or holds no record, as Kafka tells as long as "
        "it retains it."
    )
    batches = "What all tables of the source record of their batches agrees with each other, and with their rows."
    return [_spec(bronze, "offsets", offsets), _spec(bronze, "batches", batches)]


def _count_specs(source: EventSource) -> list[dg.AssetCheckSpec]:
    silver = layout.silver(source)
    reconciled = "Every Bronze row of all batches is in Silver, in quarantine, or a duplicate of an event in Silver."
    return [
        _spec(silver, "all_reconciled", reconciled),
        _spec(silver, "all_event_ids_unique", "No event id is in all of Silver more than once, whatever its time."),
    ]


def _row_specs(source: EventSource) -> list[dg.AssetCheckSpec]:
    text = "No row of the table differs from what the plugin makes of Bronze now; `all_reconciled` counts missing ones."
    return [_spec(table, "equals_recompute", text) for table in (layout.silver(source), layout.quarantine(source))]


def _gold(source: EventSource, table: GoldTable) -> Group:
    text = "The table has exactly the rows that the plugin makes of all of Silver now."
    spec = _spec(layout.gold(source, table), "equals_recompute", text)
    return Group(f"gold__{table.name}", [spec], lambda verifier: [verifier.check_gold(table)])


def _spec(table: TableId, name: str, description: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(name, asset=table_key(table), description=description)
