"""`demo`: everything on this machine, with live events."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from streaming_assets.cli.commands.refresh import print_summaries, refresh_all
from streaming_assets.cli.commands.up import programs, watch
from streaming_assets.cli.console import err, out, print_error, print_note, print_table
from streaming_assets.cli.context import broker, sources, sources_here, stopping
from streaming_assets.cli.interrupts import check_interrupt
from streaming_assets.contract import Batch, EventSource, GoldTable
from streaming_assets.errors import StreamingAssetsError
from streaming_assets.kafka.connection import Connection
from streaming_assets.kafka.plugin_producer import PluginProducer
from streaming_assets.kafka.publisher import Publisher
from streaming_assets.kafka.pump import closing, pump
from streaming_assets.kafka.topics import ensure_topic
from streaming_assets.lake import layout
from streaming_assets.lake.opening import open_table
from streaming_assets.settings import Settings, load_settings, source_options

_ROWS_SHOWN = 5
_TEXT_SHOWN = 20


def demo(*, once: bool) -> None:
    """Produce live events of all sources and show what becomes of them; `once` ends after one round.

    Raises:
        StreamingAssetsError: A part can't be started; a source that can't be reached is only noted.
    """
    settings = load_settings()
    # One round works on the tables itself; else Dagster does, wherever they lie.
    selected = sources_here(settings, ()) if once else list(sources(settings).sources.values())
    if settings.kafka_bootstrap_servers is not None:
        print_note(f"the demo's events go to the cluster at {settings.kafka_bootstrap_servers}, as the settings say")
    with broker(settings) as connection:
        for source in selected:
            ensure_topic(connection, source.topic)
        if once:
            _once(selected, settings, connection)
        else:
            with stopping() as stop:
                _live(selected, settings, connection, stop)


def _once(selected: Sequence[EventSource], settings: Settings, connection: Connection) -> None:
    for source in selected:
        with err.status(f"producing {source.name}"):
            producer = PluginProducer(source, source_options(source.name), limit=settings.plugin_timeout_seconds)
            _produce(source, producer, connection, threading.Event(), once=True)
    print_summaries(refresh_all(selected, settings, connection))
    for source in selected:
        for table in source.gold:
            _print_gold(source, table, settings)


def _live(selected: Sequence[EventSource], settings: Settings, connection: Connection, stop: threading.Event) -> None:
    producers = [PluginProducer(each, source_options(each.name), stop=stop, tell=print_note) for each in selected]
    threads = [
        threading.Thread(target=_produce, args=(source, producer, connection, stop), name=f"produce {source.name}")
        for source, producer in zip(selected, producers, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        with programs(settings, connection, stop) as running:
            watch(running, stop)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _produce(
    source: EventSource,
    producer: PluginProducer,
    connection: Connection,
    stop: threading.Event,
    *,
    once: bool = False,
) -> None:
    """Publish a source's live events; a fault is told, and costs this source only."""
    notes = _Notes(source)
    try:
        producer.make()
        with closing(producer), Publisher(connection, source.topic) as publisher:
            delivered = pump(_OneBatch(producer) if once else producer, publisher, stop=stop, on_progress=notes.tell)
    except StreamingAssetsError as error:
        check_interrupt()
        print_error(error)
    else:
        if once:
            out.print(f"{source.name}: {delivered:,} events produced", highlight=False)


class _Notes:
    """Tells the first thing a producer has to say: the demo's output is not a log."""

    def __init__(self, source: EventSource) -> None:
        self._source = source
        self._told = False

    def tell(self, _published: int, note: str | None) -> None:
        if note is not None and not self._told:
            self._told = True
            print_note(f"{self._source.name}: {note}; the other sources go on")


class _OneBatch:
    """A producer's first batch, and nothing more."""

    def __init__(self, producer: PluginProducer) -> None:
        self.name = producer.name
        self._producer = producer

    def next_batch(self) -> Batch:
        batch = self._producer.next_batch()
        return replace(batch, poll_after=None) if isinstance(batch, Batch) else batch  # the pump refuses what is none

    def close(self) -> None:
        self._producer.close()


def _print_gold(source: EventSource, table: GoldTable, settings: Settings) -> None:
    identity = layout.gold(source, table)
    opened = open_table(identity, settings.lake_path)
    total = opened.rows() if opened else 0
    if opened is None or not total:
        out.print(f"{identity.name}: no rows yet", highlight=False)
        return
    order = ", ".join(f'"{column}" DESC' for column in _order(table))
    columns = [column.name for column in table.columns if column.name != "window_end"]  # its start says enough here
    select = ", ".join(f'"{column}"' for column in columns)
    rows = opened.query(f"SELECT {select} FROM t ORDER BY {order} LIMIT {_ROWS_SHOWN}").to_pylist()  # noqa: S608
    title = f"{identity.name}: {min(total, _ROWS_SHOWN)} of {total:,} rows"
    print_table(columns, ([_short(value) for value in row.values()] for row in rows), title=title)


def _short(value: object) -> object:
    return value if not isinstance(value, str) or len(value) <= _TEXT_SHOWN else value[: _TEXT_SHOWN - 1] + "…"


def _order(table: GoldTable) -> list[str]:
    """Newest window first, then the order of the table's first chart that has one."""
    sort = next((chart.sort for chart in table.charts if chart.sort), None)
    names = [column.name for column in table.columns]
    return list(dict.fromkeys(name for name in ("window_start", sort, *table.keys) if name in names))
