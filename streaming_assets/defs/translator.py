"""From a source to its asset specs: the one place that decides keys, groups, kinds, texts and metadata."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import dagster as dg

from streaming_assets.contract import ArrowFunction, EventSource, GoldTable
from streaming_assets.defs.columns import event_schema, gold_lineage, silver_lineage, table_schema
from streaming_assets.lake import layout
from streaming_assets.lake.layout import TableId
from streaming_assets.lake.schemas import COORDINATES, schema_of
from streaming_assets.settings import EngineName, Settings
from streaming_assets.versions import code_version, gold_version, silver_version

SOURCE_TAG = "streaming_assets/source"
"""Tag of every asset of a source, and of every run that refreshes it."""

LEAST_FRESHNESS = timedelta(minutes=1)
"""Dagster takes no shorter freshness window."""

_ENGINE_KINDS: Mapping[EngineName, str] = {
    "embedded": "duckdb",
    "spark": "spark",
    "databricks": "databricks",
}


def table_key(table: TableId) -> dg.AssetKey:
    """Return the key of a table's asset: `[source, layer]`, for Gold `[source, "gold", table]`."""
    return dg.AssetKey([part for part in (table.source, table.layer, table.table) if part])


def topic_key(source: EventSource) -> dg.AssetKey:
    """Return the key of a source's topic."""
    return dg.AssetKey([source.name, "topic"])


@dataclass(frozen=True, slots=True)
class Translator:
    """Describes the assets of one source."""

    source: EventSource
    """The source."""
    settings: Settings
    """The settings: where tables lie, which engine fills them, when they are stale."""

    @property
    def pool(self) -> str:
        """The source's pool: it lets one run at a time write the source's tables."""
        return f"delta_{self.source.name}"

    @property
    def engine(self) -> EngineName:
        """What fills the tables, unless a run says otherwise."""
        return self.settings.engine_of(self.source.name)

    @property
    def elsewhere(self) -> bool:
        """Whether its tables are worked on by jobs in a workspace, and can't be seen from here."""
        return self.settings.is_elsewhere(self.source.name)

    def topic(self) -> dg.AssetSpec:
        """Describe the topic: an external asset, as others may write to it."""
        topic = self.source.topic
        return dg.AssetSpec(
            topic_key(self.source),
            description=f"**{self.source.title}** in the Kafka topic `{topic.name}`.\n\n{self.source.description}",
            kinds={"kafka"},
            metadata={
                "topic": topic.name,
                "partitions": topic.partitions,
                "record_key": topic.key or "given by the producer, or none",
                "retention": str(topic.retention or "the broker's default"),
                "dagster/column_schema": event_schema(self.source.schema.fields),
            },
            **self._common(),
        )

    def bronze(self) -> dg.AssetSpec:
        """Describe Bronze."""
        return self._table(
            layout.bronze(self.source),
            description=f"Every record of the topic `{self.source.topic.name}`, once, as the bytes that came.",
            upstream=self.topic().key,
            version=code_version(self.source.topic.name),
        )

    def silver(self) -> dg.AssetSpec:
        """Describe Silver."""
        silver = self.source.silver
        return self._table(
            layout.silver(self.source),
            description=silver.description or "One row for each event that fits the schema.",
            upstream=table_key(layout.bronze(self.source)),
            version=silver_version(self.source),
            metadata={
                **_sql(silver.sql),
                **_function(silver.function),
                "dagster/column_lineage": silver_lineage(self.source, table_key(layout.bronze(self.source))),
            },
        )

    def quarantine(self) -> dg.AssetSpec:
        """Describe quarantine."""
        return self._table(
            layout.quarantine(self.source),
            description=(
                "Records that do not fit the schema, as the bytes that came, each with its reason, the field and "
                "what was found there."
            ),
            upstream=table_key(layout.bronze(self.source)),
            version=silver_version(self.source),
        )

    def gold(self, table: GoldTable) -> dg.AssetSpec:
        """Describe a Gold table."""
        silver = table_key(layout.silver(self.source))
        return self._table(
            layout.gold(self.source, table),
            description=table.description,
            upstream=silver,
            version=gold_version(table),
            metadata={
                **_sql(table.sql),
                "recomputed": _recomputed(table),
                "dagster/column_lineage": gold_lineage(self.source, table, silver),
            },
        )

    def tables(self) -> list[dg.AssetSpec]:
        """Describe all tables."""
        return [self.bronze(), self.silver(), self.quarantine(), *(self.gold(table) for table in self.source.gold)]

    def _table(
        self,
        table: TableId,
        *,
        description: str,
        upstream: dg.AssetKey,
        version: str,
        metadata: Mapping[str, Any] | None = None,
    ) -> dg.AssetSpec:
        return dg.AssetSpec(
            table_key(table),
            description=description,
            deps=[upstream],
            kinds={"deltalake", table.layer, _ENGINE_KINDS[self.engine]},
            code_version=version,
            freshness_policy=dg.FreshnessPolicy.time_window(max(self.settings.freshness, LEAST_FRESHNESS)),
            metadata={
                "dagster/column_schema": table_schema(schema_of(self.source, table), self._keys(table)),
                "dagster/uri": self._uri(table),
                "dagster/table_name": table.name,
                **(metadata or {}),
            },
            **self._common(),
        )

    def _uri(self, table: TableId) -> str:
        path = table.path(self.settings.lake_of(self.engine))
        return f"dbfs:{path}" if self.elsewhere else path.as_uri()

    def _keys(self, table: TableId) -> Sequence[str]:
        """Return the columns that together identify a row."""
        if table.layer == "gold":
            return next(gold.keys for gold in self.source.gold if gold.name == table.table)
        return ("event_id",) if table.layer == "silver" else COORDINATES

    def _common(self) -> dict[str, Any]:
        return {
            "group_name": self.source.name,
            "owners": list(self.source.owners),
            "tags": {SOURCE_TAG: self.source.name},
        }


def _sql(sql: str | None) -> dict[str, Any]:
    return {} if sql is None else {"sql": dg.MetadataValue.md(f"```sql\n{sql.strip()}\n```")}


def _function(function: ArrowFunction | None) -> dict[str, Any]:
    if function is None:
        return {}
    try:
        code = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):  # made at run time, or written in C
        code = repr(type(function))
    return {"function": dg.MetadataValue.md(f"```python\n{code.strip()}\n```")}


def _recomputed(table: GoldTable) -> str:
    if table.window:
        return f"windows of {table.window} that new events touch"
    return f"each {table.per} that new events touch" if table.per else "as a whole"
