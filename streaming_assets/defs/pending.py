"""What a source has to do: told by its tables or, where they can't be seen from here, by what Dagster knows of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from streaming_assets.contract import EventSource
from streaming_assets.defs.translator import table_key
from streaming_assets.errors import BrokerError, StreamingAssetsError
from streaming_assets.kafka.broker import connect
from streaming_assets.lake import layout
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.opening import open_table
from streaming_assets.lake.positions import START, Position, told_position
from streaming_assets.lake.snapshot import NO_BATCH
from streaming_assets.layers.bronze import plan_ingest, position_lag
from streaming_assets.settings import Settings


@dataclass(frozen=True, slots=True)
class Pending:
    """What a source has to do."""

    lag: int
    """Offsets that Bronze is behind the topic; 0 if something else is to be done."""
    reason: str
    """The same in words."""


def pending(source: EventSource, settings: Settings, instance: dg.DagsterInstance) -> Pending | str:
    """Return what is to be done, or in words that nothing is.

    Raises:
        BrokerError: Kafka can't be asked.
    """
    try:
        if settings.is_elsewhere(source.name):
            return _told(source, settings, instance)
        return _seen(source, settings)
    except BrokerError:
        raise
    except StreamingAssetsError as error:
        # What a person has to decide on is shown by a run that fails with the whole explanation.
        return Pending(0, error.summary.rstrip("."))


def _seen(source: EventSource, settings: Settings) -> Pending | str:
    with connect(settings, start=False) as connection:
        plan = plan_ingest(source, connection, settings.lake_path)
    if plan is not None:
        lag = sum(end - plan.start.next_offsets[partition] for partition, end in plan.end.items())
        return _behind_topic(source, lag)
    return _behind(source, settings)


def _told(source: EventSource, settings: Settings, instance: dg.DagsterInstance) -> Pending | str:
    """Look at what the newest materializations say of tables that only jobs in a workspace see."""
    bronze = _newest(instance, layout.bronze(source))
    with connect(settings, start=False) as connection:
        lag = sum(position_lag(source, connection, bronze.position).values())
    if lag:
        return _behind_topic(source, lag)
    if bronze.batch == NO_BATCH:
        return f"lag 0: topic {source.topic.name} holds no records yet"
    silver = _newest(instance, layout.silver(source))
    if silver.batch < bronze.batch:
        return _lacks(layout.silver(source), silver.batch, bronze.batch)
    for table in (layout.gold(source, gold) for gold in source.gold):
        gold = _newest(instance, table)
        if gold.batch < bronze.batch:
            return _lacks(table, gold.batch, bronze.batch)
        if gold.generation != silver.generation:
            return _of_several_generations({"silver": silver.generation, table.name: gold.generation})
    return f"lag 0: Bronze has every record of {source.topic.name}"


@dataclass(frozen=True, slots=True)
class _Told:
    """What a materialization says of its table."""

    batch: int = NO_BATCH
    generation: int = 0
    position: Position = START


def _newest(instance: dg.DagsterInstance, table: TableId) -> _Told:
    event = instance.get_latest_materialization_event(table_key(table))
    if event is None or event.asset_materialization is None:
        return _Told()
    said = event.asset_materialization
    metadata: Mapping[str, Any] = {name: value.value for name, value in said.metadata.items()}
    _, _, generation = ((said.tags or {}).get(DATA_VERSION_TAG) or "").partition(".")
    position = told_position(metadata["position"]) if "position" in metadata else START
    return _Told(int(metadata.get("batch", NO_BATCH)), int(generation or 0), position)


def _behind(source: EventSource, settings: Settings) -> Pending | str:
    """Look for a refresh that ended half-way.

    It leaves a table that does not contain all of Bronze's batches, or not the generation that Silver is of since it
    was made anew.
    """
    bronze = open_table(layout.bronze(source), settings.lake_path)
    if bronze is None:
        return f"lag 0: topic {source.topic.name} holds no records yet"
    following = [layout.silver(source), *(layout.gold(source, table) for table in source.gold)]
    for table in following:
        opened = open_table(table, settings.lake_path)
        batch = opened.batch if opened else NO_BATCH
        if batch < bronze.batch:
            return _lacks(table, batch, bronze.batch)
    tables = [open_table(table, settings.lake_path) for table in (*following, layout.quarantine(source))]
    generations = {table.id.name: table.generation for table in tables if table is not None}
    if len(set(generations.values())) > 1:
        return _of_several_generations(generations)
    return f"lag 0: Bronze has every record of {source.topic.name}"


def _behind_topic(source: EventSource, lag: int) -> Pending:
    return Pending(lag, f"lag {lag:,}: Bronze is behind {source.topic.name}")


def _lacks(table: TableId, batch: int, bronze: int) -> Pending:
    return Pending(0, f"lag 0, but {table.name} contains batch {batch} and Bronze {bronze}")


def _of_several_generations(generations: Mapping[str, int]) -> Pending:
    told = ", ".join(f"{generation} of {name}" for name, generation in generations.items())
    return Pending(0, f"lag 0, but tables are of several generations: {told}")
